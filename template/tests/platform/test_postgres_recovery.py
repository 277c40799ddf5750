"""Errors of the database that the next try does not have."""

from collections.abc import AsyncGenerator

import asyncpg
import pytest
from sqlalchemy import event, make_url, text
from sqlalchemy.dialects.postgresql.asyncpg import AsyncAdapt_asyncpg_connection
from structlog.testing import capture_logs
from structlog.typing import EventDict

from app.api.deps import DB
from tests.conftest import settings_for
from tests.support.databases import Databases
from tests.support.factories import make_user, new_user
from tests.support.logins import ADA, REGISTER
from tests.support.postgres import LAST_CONNECTIONS
from tests.support.service import Service, add_route, running_with
from tests.support.waiting import eventually

ME = "/api/v1/users/me"
OWN_MISTAKES = {
    "22012": (500, 1),  # division by zero
    "25P02": (500, 1),  # in failed transaction
    "42501": (500, 1),  # insufficient privilege
    "42P01": (500, 1),  # undefined table
    "P0001": (500, 1),  # raised by a trigger
}
NOT_NOW = {
    "08006": (503, 1),  # connection failure
    "25006": (503, 1),  # read-only transaction
    "25P03": (503, 1),  # idle in transaction for too long
    "53100": (503, 1),  # disk full
    "53200": (503, 1),  # out of memory
    "53300": (503, 1),  # too many connections
    "55P03": (503, 1),  # lock not available
    "57014": (503, 1),  # statement canceled
    "57P01": (503, 1),  # shutdown by an administrator
    "57P02": (503, 1),  # crash
    "57P03": (503, 1),  # starting up
    "58030": (503, 1),  # input or output failed
    "XX001": (503, 1),  # data corrupted
}
RETRIED = {
    "40001": (503, 2),  # serialization failure
    "40P01": (503, 2),  # deadlock
}


@pytest.fixture
async def changing_url(databases: Databases, migrated: str) -> str:
    """The URL of a database whose tables a test may change."""
    return await databases.copy(migrated)


@pytest.fixture
async def changing_service(changing_url: str) -> AsyncGenerator[Service]:
    async with running_with(settings_for(changing_url)) as service:
        yield service


async def execute(url: str, statement: str) -> None:
    plain = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    connection = await asyncpg.connect(plain)
    await connection.execute("SET default_transaction_read_only = off")
    await connection.execute(statement)
    await connection.close()


def count_retries(events: list[EventDict]) -> int:
    return [event["event"] for event in events].count("request_retried")


@pytest.mark.parametrize("body", [None, {"name": "Countess"}])
async def test_wider_column_is_no_error(
    changing_service: Service,
    changing_url: str,
    body: dict[str, str] | None,
) -> None:
    client = await changing_service.sign_in(await changing_service.make(make_user, name="Ada"))
    method = "PATCH" if body else "GET"
    assert (await client.request(method, ME, json=body)).status_code == 200
    await execute(changing_url, "ALTER TABLE users ALTER COLUMN name TYPE varchar(200)")

    with capture_logs() as events:
        response = await client.request(method, ME, json=body)

    assert response.status_code == 200
    assert response.json()["name"] == (body or {"name": "Ada"})["name"]
    assert count_retries(events) == 1


async def test_wider_type_is_no_error(changing_service: Service, changing_url: str) -> None:
    async def read_point(db: DB) -> None:
        await db.execute(text("SELECT point FROM points"))

    path = add_route(changing_service, read_point)
    client = changing_service.client()
    await execute(
        changing_url,
        "CREATE TYPE point_type AS (x int); CREATE TABLE points (point point_type);"
        " INSERT INTO points VALUES (ROW(1))",
    )
    assert (await client.post(path)).status_code == 200
    await execute(changing_url, "ALTER TYPE point_type ADD ATTRIBUTE y int")

    with capture_logs() as events:
        assert [(await client.post(path)).status_code for _ in range(3)] == [200] * 3

    assert count_retries(events) == 1


async def test_sqlstate_decides_the_status_and_the_retry(committed_service: Service) -> None:
    tries: list[str] = []

    async def fail(db: DB, state: str) -> None:
        tries.append(state)
        await db.execute(text(f"DO $$ BEGIN RAISE SQLSTATE '{state}'; END $$"))

    path = add_route(committed_service, fail)
    client = committed_service.client()
    expected = OWN_MISTAKES | NOT_NOW | RETRIED
    found = {}
    for state in expected:
        response = await client.post(path, params={"state": state})
        found[state] = (response.status_code, tries.count(state))
        assert ("Retry-After" in response.headers) == (response.status_code == 503)

    assert found == expected


async def test_deadlocked_request_runs_again_with_its_body(committed_service: Service) -> None:
    bodies: list[dict[str, str]] = []

    async def deadlock_once(db: DB, body: dict[str, str]) -> None:
        bodies.append(body)
        if len(bodies) == 1:
            db.add(new_user())
            await db.flush()
            await db.execute(text("DO $$ BEGIN RAISE SQLSTATE '40P01'; END $$"))

    path = add_route(committed_service, deadlock_once)
    response = await committed_service.client().post(path, json={"name": "Ada"})

    assert response.status_code == 200
    assert bodies == [{"name": "Ada"}] * 2
    async with committed_service.database.read() as session:
        assert await session.scalar(text("SELECT count(*) FROM users")) == 0


async def test_form_is_not_read_twice(committed_service: Service) -> None:
    async def deadlock(db: DB) -> None:
        await db.execute(text("DO $$ BEGIN RAISE SQLSTATE '40P01'; END $$"))

    path = add_route(committed_service, deadlock)
    response = await committed_service.client().post(path, data={"name": "Ada"})

    assert response.status_code == 503


@pytest.mark.parametrize(("method", "status", "tries"), [("GET", 200, 2), ("POST", 503, 1)])
async def test_read_whose_connection_ends_runs_again(
    committed_service: Service, method: str, status: int, tries: int
) -> None:
    processes: list[int] = []

    async def lose_the_first(db: DB) -> None:
        processes.append(await db.scalar(text("SELECT pg_backend_pid()")) or 0)
        async with committed_service.database.read() as other:
            end = text("SELECT pg_terminate_backend(:process)")
            await other.execute(end, {"process": processes[0]})
        await db.execute(text("SELECT 1"))

    path = add_route(committed_service, lose_the_first, method)
    response = await committed_service.client().request(method, path)

    assert (response.status_code, len(processes)) == (status, tries)


async def test_closed_connection_is_replaced_before_use(committed_service: Service) -> None:
    service, client = committed_service, committed_service.client()
    opened: list[AsyncAdapt_asyncpg_connection] = []
    event.listen(
        service.database.engine.sync_engine,
        "connect",
        lambda connection, _: opened.append(connection),
    )
    assert (await client.get("/health/ready")).status_code == 200
    async with service.database.write() as first, service.database.write() as second:
        for session in (first, second):
            await session.execute(text("SELECT 1"))
    await execute(service.settings.DATABASE_URL, LAST_CONNECTIONS)
    await eventually(lambda: all(each.driver_connection.is_closed() for each in opened))

    assert (await client.post(REGISTER, json=ADA)).status_code == 201
    assert (await client.get("/health/ready")).status_code == 200


@pytest.mark.parametrize(("method", "path"), [("POST", REGISTER), ("GET", "/health/ready")])
async def test_read_only_database_is_503_until_it_is_writable(
    changing_service: Service, changing_url: str, method: str, path: str
) -> None:
    name = make_url(changing_url).database
    client = await changing_service.sign_in(await changing_service.make(make_user))
    await execute(changing_url, f'ALTER DATABASE "{name}" SET default_transaction_read_only = on')
    await changing_service.database.engine.dispose()  # a failover closes all connections
    assert (await client.get(ME)).status_code == 200

    response = await client.request(method, path, json=ADA)
    assert (response.status_code, response.headers["Retry-After"]) == (503, "5")

    await execute(changing_url, f'ALTER DATABASE "{name}" RESET default_transaction_read_only')
    response = await client.request(method, path, json=ADA)
    assert response.is_success
