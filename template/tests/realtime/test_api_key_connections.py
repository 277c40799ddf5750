"""Connections with an API key."""

from datetime import timedelta
from typing import Any

from app.core.clock import utc_now
from app.core.roles import Scope
from app.core.tokens import new_api_key
from app.models import ApiKey, User
from tests.support.factories import make_api_key, make_organization
from tests.support.service import assert_problem
from tests.support.waiting import eventually
from tests.support.websocket_room import Room


async def make_key(room: Room, user: User, *scopes: Scope, **columns: Any) -> tuple[ApiKey, str]:
    return await room.service.make(make_api_key, user, *scopes, **columns)


async def last_use(room: Room, key: ApiKey) -> object:
    async with room.service.database.read() as session:
        return (await session.get_one(ApiKey, key.id)).last_used_at


async def test_key_joins_until_it_expires_and_its_use_is_recorded(room: Room) -> None:
    expires_at = utc_now() + timedelta(days=1)
    key, secret = await make_key(
        room, room.owner, organization=room.organization, expires_at=expires_at
    )

    async with room.join(room.owner, token=secret) as program:
        await program.stays_open()
        assert program.ready["expires_at"] == expires_at.isoformat().replace("+00:00", "Z")

    await eventually(lambda: last_use(room, key))


async def test_key_without_write_receives_but_cannot_post(room: Room) -> None:
    _, secret = await make_key(room, room.owner, Scope.READ)

    async with room.join(room.owner, token=secret) as program, room.join(room.owner) as other:
        assert program.ready["expires_at"] is None
        await program.post("hello?")
        await program.gets_error("forbidden")
        await other.post("listen")
        await program.receives("listen")


async def test_invalid_keys_are_rejected(room: Room) -> None:
    _, revoked = await make_key(room, room.owner, revoked_at=utc_now())
    _, expired = await make_key(room, room.owner, expires_at=utc_now())
    _, without_read = await make_key(room, room.owner, Scope.WRITE)
    _, strangers = await make_key(room, await room.stranger())
    other = await room.service.make(make_organization, room.owner)
    _, elsewhere = await make_key(room, room.owner, organization=other)

    for secret in (new_api_key(), revoked, expired):
        assert_problem(await room.rejection(secret), 401)
    assert_problem(await room.rejection(without_read), 403)
    for secret in (strangers, elsewhere):
        assert_problem(await room.rejection(secret), 404)


async def test_revoked_key_closes_only_its_own_connections(room: Room) -> None:
    key, secret = await make_key(room, room.owner)

    async with room.join(room.owner, token=secret) as program, room.join(room.owner) as other:
        await room.call(room.owner, "DELETE", f"/api/v1/users/me/api-keys/{key.id}")
        assert await program.close_code() == 4401
        await other.stays_open()
