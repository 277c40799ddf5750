"""A session that ends closes its sockets."""

from collections.abc import Awaitable, Callable

import pytest
from httpx import AsyncClient

from app.core.tokens import create_access_token, read_access_token
from app.models import User
from tests.support.factories import PASSWORD, make_admin
from tests.support.logins import later, log_in, refresh
from tests.support.waiting import NEVER
from tests.support.websocket_room import Room
from tests.support.websocket_server import hub_of

USERS = "/api/v1/users"


async def admin_of(room: Room) -> AsyncClient:
    async with room.service.database.write() as session:
        admin = await make_admin(session)
    return await room.client(admin)


async def deactivate(room: Room, user: User) -> int:
    body = {"is_active": False}
    return (await (await admin_of(room)).patch(f"{USERS}/{user.id}", json=body)).status_code


async def promote(room: Room, user: User) -> int:
    body = {"role": "admin"}
    return (await (await admin_of(room)).patch(f"{USERS}/{user.id}", json=body)).status_code


async def delete(room: Room, user: User) -> int:
    return (await (await admin_of(room)).delete(f"{USERS}/{user.id}")).status_code


async def log_out_everywhere(room: Room, user: User) -> int:
    return (await (await room.client(user)).post("/api/v1/auth/logout-all")).status_code


async def change_password(room: Room, user: User) -> int:
    body = {"current_password": PASSWORD, "new_password": "Another-Horse-8!"}
    return (await (await room.client(user)).post(f"{USERS}/me/password", json=body)).status_code


async def delete_account(room: Room, user: User) -> int:
    body = {"password": PASSWORD}
    client = await room.client(user)
    return (await client.request("DELETE", f"{USERS}/me", json=body)).status_code


@pytest.mark.parametrize(
    "end", [deactivate, promote, delete, log_out_everywhere, change_password, delete_account]
)
async def test_what_ends_a_users_sessions_ends_the_sockets(
    room: Room, end: Callable[[Room, User], Awaitable[int]]
) -> None:
    user = await room.member()
    async with room.enter(user) as one, room.enter(user) as two, room.enter(room.owner) as other:
        assert await end(room, user) < 300
        assert [await one.closed(), await two.closed()] == [4401, 4401]
        await other.goes_on()


async def test_logging_out_ends_the_sockets_of_that_session_alone(room: Room) -> None:
    async with room.service.client() as client:
        pair = await log_in(client, room.owner)
    token = pair["access_token"]
    async with room.enter(room.owner, token=token) as one, room.enter(room.owner) as other:
        async with room.service.client(token) as client:
            assert (await client.post("/api/v1/auth/logout")).status_code == 204
        assert await one.closed() == 4401
        await other.goes_on()


async def test_a_stolen_refresh_token_ends_the_sockets_of_its_session(room: Room) -> None:
    async with room.service.client() as client:
        pair = await log_in(client, room.owner)
        async with room.enter(room.owner, token=pair["access_token"]) as visitor:
            await refresh(client, pair)
            with later(60):
                assert (await refresh(client, pair)).status_code == 401
            assert await visitor.closed() == 4401


async def test_a_socket_ends_with_its_token(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub_of(room), "recheck_seconds", NEVER)
    settings = room.service.settings
    claims = read_access_token(settings, await room.token(room.owner))
    ids = {"user_id": claims.user_id, "session_id": claims.session_id}
    with later() as clock:
        with later(1.5 - 60 * settings.ACCESS_TOKEN_EXPIRE_MINUTES):
            token = create_access_token(settings, **ids)
        async with room.enter(room.owner, token=token) as visitor, room.enter(room.owner) as other:
            expires_at = read_access_token(settings, token).expires_at
            assert visitor.ready["expires_at"] == expires_at.isoformat().replace("+00:00", "Z")
            await visitor.goes_on()
            clock.shift(1.5)
            assert await visitor.closed() == 4401
            await other.hears("we go on")
            await other.goes_on()
