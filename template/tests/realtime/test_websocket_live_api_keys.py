"""A program in a room, by an API key."""

from datetime import timedelta
from typing import Any

import pytest

from app.core.clock import utc_now
from app.core.roles import Scope
from app.core.tokens import new_api_key
from app.models import ApiKey, User
from tests.support.factories import make_api_key, make_organization
from tests.support.logins import later
from tests.support.problems import assert_problem
from tests.support.waiting import NEVER, eventually
from tests.support.websocket_room import Room
from tests.support.websocket_server import hub_of


async def key_of(room: Room, user: User, *scopes: Scope, **columns: Any) -> tuple[ApiKey, str]:
    async with room.service.database.write() as session:
        return await make_api_key(session, user, *scopes, **columns)


async def last_use(room: Room, key: ApiKey) -> object:
    async with room.service.database.read() as session:
        return (await session.get_one(ApiKey, key.id)).last_used_at


async def test_a_key_opens_the_room_and_its_use_is_noted(room: Room) -> None:
    key, secret = await key_of(room, room.owner, organization=room.organization)

    async with room.enter(room.owner, token=secret) as program:
        await program.goes_on()
        assert program.ready["user_id"] == str(room.owner.id)
        assert program.ready["expires_at"] is None

    await eventually(lambda: last_use(room, key))


async def test_a_key_that_only_reads_hears_and_does_not_speak(room: Room) -> None:
    _, secret = await key_of(room, room.owner, Scope.READ)

    async with room.enter(room.owner, token=secret) as program, room.enter(room.owner) as speaker:
        await program.say("hello?")
        await program.refused("forbidden")
        await speaker.say("listen")
        await program.hears("listen")


async def test_a_key_that_is_worth_nothing_opens_no_room(room: Room) -> None:
    _, revoked = await key_of(room, room.owner, revoked_at=utc_now())
    _, expired = await key_of(room, room.owner, expires_at=utc_now())
    _, deaf = await key_of(room, room.owner, Scope.WRITE)
    _, strange = await key_of(room, await room.stranger())

    for secret in (new_api_key(), revoked, expired):
        assert_problem(await room.refusal(secret), 401)
    assert_problem(await room.refusal(deaf), 403)
    assert_problem(await room.refusal(strange), 404)


async def test_to_a_key_of_another_organization_the_room_does_not_exist(room: Room) -> None:
    async with room.service.database.write() as session:
        other = await make_organization(session, room.owner)
        _, secret = await make_api_key(session, room.owner, organization=other)

    assert_problem(await room.refusal(secret), 404)


async def test_a_key_that_is_revoked_closes_its_sockets_and_no_others(room: Room) -> None:
    key, secret = await key_of(room, room.owner)
    client = await room.client(room.owner)

    async with room.enter(room.owner, token=secret) as program, room.enter(room.owner) as other:
        await client.delete(f"/api/v1/users/me/api-keys/{key.id}")
        assert await program.closed() == 4401
        await other.goes_on()


async def test_a_socket_ends_with_its_key(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub_of(room), "recheck_seconds", NEVER)
    with later() as clock:
        expires_at = utc_now() + timedelta(seconds=1)
        _, secret = await key_of(room, room.owner, expires_at=expires_at)
        async with room.enter(room.owner, token=secret) as program:
            assert program.ready["expires_at"] == expires_at.isoformat().replace("+00:00", "Z")
            await program.goes_on()
            clock.shift(1)
            assert await program.closed() == 4401
