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

Told = list[tuple[Kind, str, set[str]]]


@pytest.fixture
async def database(own_url: str) -> AsyncGenerator[WatchedDatabase]:
    async with open_database(settings_for(own_url)) as database:
        yield database


@pytest.fixture
def told(database: WatchedDatabase) -> Told:
    """What a listener hears, in order."""
    told: Told = []

    async def listen(changes: list[Change]) -> None:
        told.extend(
            (change.kind, type(change.row).__name__, set(change.columns)) for change in changes
        )

    database.watch(listen)
    return told


async def make_organization(database: WatchedDatabase) -> Organization:
    organization = Organization(name="Acme", slug="acme")
    async with database.write() as session:
        session.add(organization)
        await session.commit()
    return organization


async def test_a_committed_change_is_told(database: WatchedDatabase, told: Told) -> None:
    organization = await make_organization(database)
    told.clear()

    async with database.write() as session:
        stored = await session.get_one(Organization, organization.id)
        stored.name = "Acme & Co."
        await session.commit()
        assert [(kind, name) for kind, name, _ in told] == [(Kind.UPDATED, "Organization")]
        assert "name" in told[0][2]
        assert "slug" not in told[0][2]

        await session.delete(stored)
        await session.commit()

    assert told[1][0] is Kind.DELETED


async def test_a_new_row_is_told_with_its_id(database: WatchedDatabase) -> None:
    ids: list[UUID] = []

    async def listen(changes: list[Change]) -> None:
        ids.extend(change.row.id for change in changes if isinstance(change.row, Organization))

    database.watch(listen)
    organization = await make_organization(database)

    assert ids == [organization.id]


async def test_a_transaction_that_commits_by_itself_is_told_too(
    database: WatchedDatabase, told: Told
) -> None:
    async with database.write.begin() as session:
        session.add(new_user())

    assert [name for _, name, _ in told] == ["User"]


async def test_several_flushes_are_told_in_order_and_only_after_the_commit(
    database: WatchedDatabase, told: Told
) -> None:
    async with database.write() as session:
        session.add(user := new_user())
        await session.flush()
        user.name = "Grace"
        await session.flush()
        assert told == []
        await session.commit()

    assert [kind for kind, _, _ in told] == [Kind.CREATED, Kind.UPDATED]


async def test_what_is_rolled_back_is_not_told(database: WatchedDatabase, told: Told) -> None:
    async with database.write() as session:
        session.add(new_user())
        await session.flush()
        await session.rollback()
        session.add(Organization(name="Acme", slug="acme"))
        await session.commit()

    async with database.write() as session:
        session.add(new_user())
        await session.flush()

    assert [name for _, name, _ in told] == ["Organization"]


async def test_of_savepoints_only_what_remains_in_the_end_is_told(
    database: WatchedDatabase, told: Told
) -> None:
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
        assert told == []
        await session.commit()

    assert [name for _, name, _ in told] == ["Organization"] * 2


async def test_a_released_savepoint_is_forgotten_with_its_transaction(
    database: WatchedDatabase, told: Told
) -> None:
    async with database.write() as session:
        async with session.begin_nested():
            session.add(new_user())
        await session.rollback()

    assert told == []


async def test_a_row_that_was_only_read_is_not_told(database: WatchedDatabase, told: Told) -> None:
    organization = await make_organization(database)
    told.clear()

    async with database.write() as session:
        stored = await session.get_one(Organization, organization.id)
        stored.name = str(stored.name)
        await session.commit()

    assert told == []


async def test_two_transactions_do_not_hear_of_each_other(
    database: WatchedDatabase, told: Told
) -> None:
    async def register(name: str) -> None:
        async with database.write() as session:
            session.add(new_user(name=name))
            await session.commit()

    await asyncio.gather(register("Ada"), register("Grace"))

    assert len(told) == 2


async def test_a_listener_that_fails_spoils_neither_the_commit_nor_the_next_listener(
    database: WatchedDatabase,
) -> None:
    async def fail(_: list[Change]) -> None:
        raise ConnectionError("not now")

    database.watch(fail)
    told: list[object] = []

    async def listen(changes: list[Change]) -> None:
        told.extend(change.row for change in changes)

    database.watch(listen)

    with capture_logs() as log:
        organization = await make_organization(database)

    assert told == [organization]
    assert [entry["event"] for entry in log if entry["log_level"] == "error"] == ["listener_failed"]
    async with database.read() as session:
        assert await session.get(Organization, organization.id)


async def test_a_row_that_is_marked_as_deleted_is_an_update(
    database: WatchedDatabase, told: Told
) -> None:
    user = new_user()
    async with database.write() as session:
        session.add(user)
        await session.commit()
        told.clear()
        stored = await session.get_one(User, user.id)
        stored.deleted_at = utc_now()
        await session.commit()

    assert told[0][0] is Kind.UPDATED
    assert "deleted_at" in told[0][2]


def test_no_service_hides_a_change_in_a_bulk_statement() -> None:
    texts = [path.read_text() for path in Path(services.__path__[0]).glob("*.py")]
    changed = {
        name
        for text in texts
        for name in re.findall(r"(?<![.\w])(?:update|delete)\(([A-Z]\w+)", text)
    }

    unwatched = {"IdempotencyKey", "Invitation", "OneTimeToken", "RefreshToken"}
    assert changed <= unwatched
