import asyncio
import re
from collections.abc import AsyncGenerator
from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy.exc import IntegrityError
from structlog.testing import capture_logs

from app import services
from app.core.clock import utc_now
from app.db.changes import Change, Kind, WatchedDatabase, open_database
from app.models import Organization, User
from tests.conftest import settings_for
from tests.support.factories import new_user

Seen = list[tuple[Kind, str, set[str]]]


@pytest.fixture
async def database(own_url: str) -> AsyncGenerator[WatchedDatabase]:
    async with open_database(settings_for(own_url)) as database:
        yield database


@pytest.fixture
def seen(database: WatchedDatabase) -> Seen:
    """The changes that a listener has received, in order."""
    seen: Seen = []

    async def listen(changes: list[Change]) -> None:
        seen.extend(
            (change.kind, type(change.row).__name__, set(change.columns)) for change in changes
        )

    database.watch(listen)
    return seen


async def make_organization(database: WatchedDatabase) -> Organization:
    organization = Organization(name="Acme", slug="acme")
    async with database.write() as session:
        session.add(organization)
        await session.commit()
    return organization


async def test_committed_change_is_reported(database: WatchedDatabase, seen: Seen) -> None:
    organization = await make_organization(database)
    seen.clear()

    async with database.write() as session:
        stored = await session.get_one(Organization, organization.id)
        stored.name = "Acme & Co."
        await session.commit()
        assert [(kind, name) for kind, name, _ in seen] == [(Kind.UPDATED, "Organization")]
        assert "name" in seen[0][2]
        assert "slug" not in seen[0][2]

        await session.delete(stored)
        await session.commit()

    assert seen[1][0] is Kind.DELETED


async def test_new_row_is_reported_with_its_id(database: WatchedDatabase) -> None:
    ids: list[UUID] = []

    async def listen(changes: list[Change]) -> None:
        ids.extend(change.row.id for change in changes if isinstance(change.row, Organization))

    database.watch(listen)
    organization = await make_organization(database)

    assert ids == [organization.id]


async def test_automatic_commit_is_reported(database: WatchedDatabase, seen: Seen) -> None:
    async with database.write.begin() as session:
        session.add(new_user())

    assert [name for _, name, _ in seen] == ["User"]


async def test_commit_reports_flushes_in_order(database: WatchedDatabase, seen: Seen) -> None:
    async with database.write() as session:
        session.add(user := new_user())
        await session.flush()
        user.name = "Grace"
        await session.flush()
        assert seen == []
        await session.commit()

    assert [kind for kind, _, _ in seen] == [Kind.CREATED, Kind.UPDATED]


async def test_rolled_back_change_is_not_reported(database: WatchedDatabase, seen: Seen) -> None:
    async with database.write() as session:
        session.add(new_user())
        await session.flush()
        await session.rollback()
        session.add(Organization(name="Acme", slug="acme"))
        await session.commit()

    async with database.write() as session:
        session.add(new_user())
        await session.flush()

    assert [name for _, name, _ in seen] == ["Organization"]


async def test_only_kept_savepoints_are_reported(database: WatchedDatabase, seen: Seen) -> None:
    async with database.write() as session:
        session.add(Organization(name="Acme", slug="acme"))
        await session.flush()
        async with session.begin_nested() as undone:
            session.add(new_user())
            await session.flush()
            await undone.rollback()
        async with session.begin_nested():
            session.add(Organization(name="Other", slug="other"))
        with pytest.raises(IntegrityError):
            async with session.begin_nested():
                session.add(Organization(name="Acme again", slug="acme"))
        assert seen == []
        await session.commit()

    assert [name for _, name, _ in seen] == ["Organization"] * 2


async def test_rollback_forgets_savepoints(database: WatchedDatabase, seen: Seen) -> None:
    async with database.write() as session:
        async with session.begin_nested():
            session.add(new_user())
        await session.rollback()

    assert seen == []


async def test_unchanged_row_is_not_reported(database: WatchedDatabase, seen: Seen) -> None:
    organization = await make_organization(database)
    seen.clear()

    async with database.write() as session:
        stored = await session.get_one(Organization, organization.id)
        stored.name = str(stored.name)
        await session.commit()

    assert seen == []


async def test_transactions_report_separately(database: WatchedDatabase, seen: Seen) -> None:
    async def register(name: str) -> None:
        async with database.write() as session:
            session.add(new_user(name=name))
            await session.commit()

    await asyncio.gather(register("Ada"), register("Grace"))

    assert len(seen) == 2


async def test_failing_listener_harms_no_commit_or_listener(database: WatchedDatabase) -> None:
    async def fail(_: list[Change]) -> None:
        raise ConnectionError("not now")

    database.watch(fail)
    seen: list[object] = []

    async def listen(changes: list[Change]) -> None:
        seen.extend(change.row for change in changes)

    database.watch(listen)

    with capture_logs() as log:
        organization = await make_organization(database)

    assert seen == [organization]
    assert [entry["event"] for entry in log if entry["log_level"] == "error"] == ["listener_failed"]
    async with database.read() as session:
        assert await session.get(Organization, organization.id)


async def test_soft_delete_is_an_update(database: WatchedDatabase, seen: Seen) -> None:
    user = new_user()
    async with database.write() as session:
        session.add(user)
        await session.commit()
        seen.clear()
        stored = await session.get_one(User, user.id)
        stored.deleted_at = utc_now()
        await session.commit()

    assert seen[0][0] is Kind.UPDATED
    assert "deleted_at" in seen[0][2]


def test_no_service_hides_a_change_in_a_bulk_statement() -> None:
    texts = [path.read_text() for path in Path(services.__path__[0]).glob("*.py")]
    changed = {
        name
        for text in texts
        for name in re.findall(r"(?<![.\w])(?:update|delete)\(([A-Z]\w+)", text)
    }

    unwatched = {"IdempotencyKey", "Invitation", "OneTimeToken", "RefreshToken"}
    assert changed <= unwatched
