import asyncio
import os
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import event, make_url, text
from sqlalchemy.dialects.sqlite.aiosqlite import AsyncAdapt_aiosqlite_connection
from sqlalchemy.exc import DBAPIError

from app.api.deps import DB
from app.core.config import SettingsError
from app.db import sqlite
from tests.conftest import settings_for
from tests.support.databases import LockWaits
from tests.support.factories import make_user
from tests.support.logins import ADA, REGISTER
from tests.support.races import blocked_or_done
from tests.support.service import Service, add_route, assert_problem, running_with
from tests.support.waiting import PATIENCE, eventually, patience

ONE_CONNECTION = {"DATABASE_POOL_SIZE": 1}


@pytest.mark.parametrize("url", ["sqlite:///:memory:", "sqlite:///file:x?mode=memory&uri=true"])
def test_database_in_memory_is_rejected(url: str) -> None:
    with pytest.raises(SettingsError, match="must name a file"):
        settings_for(url)


@pytest.mark.parametrize(
    ("pragma", "value"),
    [("journal_mode", "wal"), ("foreign_keys", 1), ("busy_timeout", int(PATIENCE) * 1000)],
)
async def test_every_connection_is_prepared_for_a_server(
    service: Service, pragma: str, value: str | int
) -> None:
    async with service.database.read() as session:
        assert await session.scalar(text(f"PRAGMA {pragma}")) == value


async def test_connection_waits_for_the_first_writer_of_a_new_file(empty_url: str) -> None:
    engine = sqlite.create_engine(settings_for(empty_url), pool_timeout=PATIENCE)
    statements: list[str] = []
    event.listen(engine.sync_engine, "connect", trace_to(statements), insert=True)
    other = sqlite3.connect(file_of(empty_url), isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    other.execute("CREATE TABLE numbers (number INTEGER)")

    connecting = asyncio.create_task(engine.connect().start())
    await eventually(lambda: "BEGIN IMMEDIATE" in statements)
    assert not connecting.done()
    other.execute("COMMIT")
    other.close()

    async with patience():
        connection = await connecting
    assert await connection.scalar(text("PRAGMA journal_mode")) == "wal"
    await connection.close()
    await engine.dispose()


async def test_uuids_and_datetimes_are_stored_as_text(service: Service) -> None:
    async with service.database.write() as session:
        await make_user(session)
        query = text("SELECT typeof(id), typeof(created_at), length(id) FROM users")

        assert (await session.execute(query)).one() == ("text", "text", 32)


async def test_long_lock_is_503_until_it_ends(
    own_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite, "BUSY_TIMEOUT_SECONDS", 0)
    async with running_with(settings_for(own_url)) as service:
        client = service.client()
        async with service.database.write() as writer:
            await writer.execute(text("SELECT 1"))

            response = await client.post(REGISTER, json=ADA)

            assert response.status_code == 503
            assert response.headers["Retry-After"] == "5"
            assert (await client.get("/health/ready")).status_code == 200

        response = await client.post(REGISTER, json=ADA)
        assert response.status_code == 201


async def test_request_cancelled_while_it_waits_keeps_no_lock(
    committed_service: Service, lock_waits: LockWaits
) -> None:
    client = committed_service.client()
    async with committed_service.database.write() as writer:
        await writer.execute(text("SELECT 1"))
        request = asyncio.create_task(client.post(REGISTER, json=ADA))
        await blocked_or_done(lock_waits, request)
        assert not request.done()
        request.cancel()
    async with patience():
        await asyncio.wait([request])

    response = await client.post(REGISTER, json=ADA)
    assert response.status_code == 201


async def test_full_disk_is_503_for_writes_until_there_is_room(own_url: str) -> None:
    async with running_with(settings_for(own_url, **ONE_CONNECTION)) as service:
        client = service.client()
        await limit_pages(service, 1)

        for number in range(200):
            body = ADA | {"email": f"{number}@example.com"}
            response = await client.post(REGISTER, json=body)
            if response.status_code != 201:
                break

        assert response.status_code == 503
        assert (await client.get("/health/ready")).status_code == 200

        await limit_pages(service, 1_000_000)
        response = await client.post(REGISTER, json=ADA)
        assert response.status_code == 201


async def test_read_only_connection_is_503_and_replaced(own_url: str) -> None:
    async with running_with(settings_for(own_url, **ONE_CONNECTION)) as service:
        client = service.client()
        async with service.database.read() as session:
            await session.execute(text("PRAGMA query_only = ON"))

        response = await client.post(REGISTER, json=ADA)
        assert response.status_code == 503
        assert response.headers["Retry-After"] == "5"
        response = await client.post(REGISTER, json=ADA)
        assert response.status_code == 201


@pytest.mark.parametrize("folders", [0, 1])
async def test_read_only_file_is_not_ready_until_it_is_writable(
    own_url: str, monkeypatch: pytest.MonkeyPatch, folders: int
) -> None:
    """The tests may run as root, who may write to a read-only file."""
    read_only = [file_of(own_url), file_of(own_url).parent][folders]
    async with running_with(settings_for(own_url)) as service:
        client = service.client()
        with monkeypatch.context() as patch:
            patch.setattr(os, "access", lambda path, _: path != read_only)
            response = await client.get("/health/ready")
            assert_problem(response, 503, "The database is read-only")

        assert (await client.get("/health/ready")).status_code == 200


async def test_outdated_snapshot_is_taken_again(committed_service: Service) -> None:
    service, tries = committed_service, 0

    async def write_after_another(db: DB) -> None:
        nonlocal tries
        tries += 1
        await db.execute(text("COMMIT"))
        await db.execute(text("BEGIN DEFERRED"))
        await db.execute(text("SELECT count(*) FROM users"))
        if tries == 1:
            await service.make(make_user)
        await db.execute(text("DELETE FROM alembic_version WHERE false"))

    path = add_route(service, write_after_another)
    response = await service.client().post(path)

    assert (response.status_code, tries) == (200, 2)


async def test_missing_folder_is_503_until_it_exists(own_url: str, tmp_path: Path) -> None:
    missing = tmp_path / "volume"
    url = make_url(own_url).set(database=f"{missing}/{file_of(own_url).name}")
    async with running_with(settings_for(str(url))) as service:
        client = service.client()

        assert (await client.get("/health")).status_code == 200
        assert (await client.get("/health/ready")).status_code == 503
        response = await client.post(REGISTER, json=ADA)
        assert response.status_code == 503

        move(file_of(own_url), missing)
        response = await client.post(REGISTER, json=ADA)
        assert response.status_code == 201


async def test_file_that_is_no_database_is_503(own_url: str) -> None:
    file_of(own_url).write_text("Not a database. " * 100)
    async with running_with(settings_for(own_url)) as service:
        client = service.client()

        assert (await client.get("/health/ready")).status_code == 503
        response = await client.post(REGISTER, json=ADA)
        assert response.status_code == 503


def trace_to(
    statements: list[str],
) -> Callable[[AsyncAdapt_aiosqlite_connection, object], None]:
    def trace(connection: AsyncAdapt_aiosqlite_connection, _: object) -> None:
        connection.run_async(lambda driver: driver.set_trace_callback(statements.append))

    return trace


def file_of(url: str) -> Path:
    return Path(make_url(url).database or "")


def move(file: Path, folder: Path) -> None:
    folder.mkdir()
    file.rename(folder / file.name)


async def limit_pages(service: Service, pages: int) -> None:
    """Make sqlite report a full disk beyond these pages; it keeps those in use."""
    async with service.database.read() as session:
        await session.execute(text(f"PRAGMA max_page_count = {pages}"))


async def test_audit_log_cannot_be_replaced(committed_service: Service) -> None:
    user = await committed_service.make(make_user)
    await (await committed_service.sign_in(user)).patch("/api/v1/users/me", json={"name": "Ada"})

    async with committed_service.database.write() as session:
        replace = text("REPLACE INTO audit_events SELECT * FROM audit_events")
        with pytest.raises(DBAPIError, match="append-only"):
            await session.execute(replace)
