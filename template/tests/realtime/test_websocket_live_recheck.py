"""Rights that end behind the service's back: a timer notices."""

import asyncio
from collections.abc import AsyncGenerator
from datetime import timedelta

import pytest
from sqlalchemy import delete, update
from sqlalchemy.sql.dml import UpdateBase
from structlog.testing import capture_logs

from app.core.clock import utc_now
from app.core.roles import MemberRole
from app.models import Membership, Organization, Project, User, UserSession
from app.realtime import access
from app.services import auth
from tests.conftest import settings_for
from tests.support.factories import make_api_key
from tests.support.logins import later
from tests.support.waiting import PAUSE, eventually, patience
from tests.support.websocket_room import Room, make_room
from tests.support.websocket_server import hub_of, open_room


@pytest.fixture
async def watchful(own_url: str) -> AsyncGenerator[Room]:
    pool = {"DATABASE_POOL_SIZE": 1, "DATABASE_MAX_OVERFLOW": 0}
    async with open_room(settings_for(own_url, **pool)) as room:
        # Fires early without harm: it is one more check.
        hub_of(room).recheck_seconds = 1
        yield room


async def execute(room: Room, *statements: UpdateBase) -> None:
    """Past every session, so that nobody is told of the change."""
    async with room.service.database.engine.begin() as connection:
        for statement in statements:
            await connection.execute(statement)


async def test_what_was_taken_away_in_the_database_ends_the_socket(watchful: Room) -> None:
    rooms = [await make_room(watchful.service, watchful.address) for _ in range(6)]
    removed, revoked, inactive, deleted, no_project, no_organization = rooms
    async with (
        removed.enter(removed.owner) as one,
        revoked.enter(revoked.owner) as two,
        inactive.enter(inactive.owner) as three,
        deleted.enter(deleted.owner) as four,
        no_project.enter(no_project.owner) as five,
        no_organization.enter(no_organization.owner) as six,
        watchful.enter(watchful.owner) as untouched,
    ):
        now = utc_now()
        await execute(
            watchful,
            delete(Membership).where(Membership.user_id == removed.owner.id),
            update(UserSession)
            .where(UserSession.user_id == revoked.owner.id)
            .values(revoked_at=now),
            update(User).where(User.id == inactive.owner.id).values(is_active=False),
            update(User).where(User.id == deleted.owner.id).values(deleted_at=now),
            delete(Project).where(Project.id == no_project.project.id),
            update(Organization)
            .where(Organization.id == no_organization.organization.id)
            .values(deleted_at=now),
        )
        codes = await asyncio.gather(
            *(visitor.closed() for visitor in (one, two, three, four, five, six))
        )
        await untouched.goes_on()

    assert codes == [4403, 4401, 4401, 4401, 4404, 4404]


async def test_a_demotion_in_the_database_takes_effect(watchful: Room) -> None:
    user = await watchful.member()
    viewer = update(Membership).where(Membership.user_id == user.id)
    async with watchful.enter(user) as visitor:
        await execute(watchful, viewer.values(role=MemberRole.VIEWER))
        await visitor.until_answered("forbidden")


async def test_nobody_is_thrown_out_because_the_database_is_busy(
    watchful: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with watchful.enter(watchful.owner) as visitor:
        async with watchful.service.database.engine.connect():
            with monkeypatch.context() as patch, capture_logs() as log:
                # Fires early without harm: no check can succeed while the test has the connection.
                patch.setattr(access, "CHECK_SECONDS", PAUSE)
                await eventually(lambda: "access_not_checked" in [each["event"] for each in log])
        await visitor.goes_on()
        await execute(watchful, delete(Membership).where(Membership.user_id == watchful.owner.id))
        assert await visitor.closed() == 4403


async def test_while_no_check_is_answered_nobody_waits_for_long(
    watchful: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def hang(*_: object) -> None:
        await asyncio.Event().wait()

    token = await watchful.token(watchful.owner)
    with later() as clock:
        expires_at = utc_now() + timedelta(minutes=1)
        async with watchful.service.database.write() as session:
            _, key = await make_api_key(session, watchful.owner, expires_at=expires_at)
        async with (
            watchful.enter(watchful.owner, token=key) as program,
            watchful.enter(watchful.owner) as visitor,
        ):
            with monkeypatch.context() as patch:
                # Fires early without harm: no check is answered.
                patch.setattr(access, "CHECK_SECONDS", PAUSE)
                patch.setattr(auth, "get_caller", hang)
                async with patience():
                    answers = await asyncio.gather(*(watchful.refusal(token) for _ in range(9)))
                assert {answer.status_code for answer in answers} == {503}
                clock.shift(60)
                assert await program.closed() == 4401
            await visitor.goes_on()
