"""Access that is revoked directly in the database: a timer finds out."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack
from datetime import timedelta

import pytest
from sqlalchemy import delete, update
from sqlalchemy.sql.dml import UpdateBase
from structlog.testing import capture_logs

from app.core.clock import utc_now
from app.core.roles import MemberRole
from app.models import Login, Membership, Organization, Project, User
from app.realtime import access
from app.services import auth
from tests.support.clock import later
from tests.support.factories import make_api_key
from tests.support.waiting import PAUSE, eventually, patience
from tests.support.websocket_room import Room, make_room
from tests.support.websocket_server import OpenRoom, hub_of


@pytest.fixture
async def watchful(own_room: OpenRoom) -> AsyncGenerator[Room]:
    pool = {"DATABASE_POOL_SIZE": 1}
    async with own_room(**pool) as room:
        # Fires early without harm: it is one more check.
        hub_of(room.service).recheck_seconds = 1
        yield room


async def execute(room: Room, *statements: UpdateBase) -> None:
    """Change rows without a session, so that no listener is called."""
    async with room.service.database.engine.begin() as connection:
        for statement in statements:
            await connection.execute(statement)


async def test_access_revoked_in_the_database_closes_the_connection(watchful: Room) -> None:
    rooms = [await make_room(watchful.service, watchful.address) for _ in range(6)]
    users, now = [each.owner.id for each in rooms], utc_now()
    revocations = [
        delete(Membership).where(Membership.user_id == users[0]),
        update(Login).where(Login.user_id == users[1]).values(revoked_at=now),
        update(User).where(User.id == users[2]).values(is_active=False),
        update(User).where(User.id == users[3]).values(deleted_at=now),
        delete(Project).where(Project.id == rooms[4].project.id),
        update(Organization)
        .where(Organization.id == rooms[5].organization.id)
        .values(deleted_at=now),
    ]
    async with AsyncExitStack() as stack:
        clients = [await stack.enter_async_context(each.join(each.owner)) for each in rooms]
        untouched = await stack.enter_async_context(watchful.join(watchful.owner))
        await execute(watchful, *revocations)
        codes = await asyncio.gather(*(client.close_code() for client in clients))
        await untouched.stays_open()

    assert codes == [4403, 4401, 4401, 4401, 4404, 4404]


async def test_role_changed_in_the_database_takes_effect(watchful: Room) -> None:
    user = await watchful.add_member()
    viewer = update(Membership).where(Membership.user_id == user.id)
    async with watchful.join(user) as client:
        await execute(watchful, viewer.values(role=MemberRole.VIEWER))
        await client.post_until("forbidden")


async def test_busy_database_drops_no_connection(
    watchful: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with watchful.join(watchful.owner) as client:
        async with watchful.service.database.engine.connect():
            with monkeypatch.context() as patch, capture_logs() as log:
                # Fires early without harm: no check can succeed while the test has the connection.
                patch.setattr(access, "CHECK_SECONDS", PAUSE)
                await eventually(lambda: "access_check_failed" in [each["event"] for each in log])
        await client.stays_open()
        await execute(watchful, delete(Membership).where(Membership.user_id == watchful.owner.id))
        assert await client.close_code() == 4403


async def test_hung_checks_block_no_handshake_or_expiry(
    watchful: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def hang(*_: object) -> None:
        await asyncio.Event().wait()

    token = await watchful.token(watchful.owner)
    with later() as clock:
        expires_at = utc_now() + timedelta(minutes=1)
        _, key = await watchful.service.make(make_api_key, watchful.owner, expires_at=expires_at)
        async with (
            watchful.join(watchful.owner, token=key) as program,
            watchful.join(watchful.owner) as client,
        ):
            with monkeypatch.context() as patch:
                # Fires early without harm: no check is answered.
                patch.setattr(access, "CHECK_SECONDS", PAUSE)
                patch.setattr(auth, "get_caller", hang)
                async with patience():
                    answers = await asyncio.gather(*(watchful.rejection(token) for _ in range(9)))
                assert {answer.status_code for answer in answers} == {503}
                clock.shift(60)
                assert await program.close_code() == 4401
            await client.stays_open()
