import asyncio

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession

from app.api.deps import DB
from app.db.postgres import COMMAND_TIMEOUT_SECONDS, STATEMENT_TIMEOUT_SECONDS
from tests.conftest import settings_for
from tests.support.factories import make_user, new_user
from tests.support.service import Service, add_route, running_with
from tests.support.waiting import PATIENCE, eventually, patience

POOLED = "prepared_statement_cache_size=0"


@pytest.mark.parametrize(
    ("given", "used"),
    [
        ("postgres://ada:secret@db:5433/app", "postgresql+asyncpg://ada:secret@db:5433/app"),
        ("postgresql://ada@db/app", "postgresql+asyncpg://ada@db/app"),
        ("postgresql+asyncpg://ada@db/app", "postgresql+asyncpg://ada@db/app"),
        # other drivers' name of the option
        ("postgresql://ada@db/app?sslmode=require", "postgresql+asyncpg://ada@db/app?ssl=require"),
        ("postgresql://ada@db/app?pgbouncer=true", f"postgresql+asyncpg://ada@db/app?{POOLED}"),
        ("postgresql://ada@db/app?pgbouncer=false", "postgresql+asyncpg://ada@db/app"),
    ],
)
def test_every_spelling_of_the_url_is_accepted(given: str, used: str) -> None:
    assert used == settings_for(given).DATABASE_URL


@pytest.mark.parametrize(
    ("place", "sentence"),
    [
        ("no..host/app", "Use the format postgresql://"),
        (f"{'x' * 64}.example.com/app", "Use the format postgresql://"),
        ("db.example.com:99999/app", "Use the format postgresql://"),
        ("db.example.com/app?port=abc", "value of the option port"),
        ("db.example.com/app?pgbouncer=yes", "value of the option pgbouncer"),
        ("db.example.com/app?prepared_statement_cache_size=x", "of the option prepared_statement"),
        ("db.example.com/app?sslmode=bogus", "value of the option ssl"),
        ("db.example.com/app?target_session_attrs=x", "value of the option target_session_attrs"),
        ("db.example.com/app?channel_binding=x", "has no option channel_binding"),
    ],
)
def test_unusable_url_is_rejected_at_start(place: str, sentence: str) -> None:
    with pytest.raises(SystemExit, match=sentence) as refusal:
        settings_for(f"postgresql://ada:hunter2@{place}")

    assert "hunter2" not in str(refusal.value)


async def test_audit_log_cannot_be_truncated(session: AsyncSession) -> None:
    with pytest.raises(DBAPIError, match="append-only"):
        await session.execute(text("TRUNCATE audit_events"))

    await session.rollback()


async def test_server_ends_slow_statements(service: Service) -> None:
    async with service.database.read() as session:
        assert await session.scalar(text("SHOW statement_timeout")) == f"{PATIENCE / 60:.0f}min"
        assert await session.scalar(text("SHOW idle_in_transaction_session_timeout")) == "1min"
    assert STATEMENT_TIMEOUT_SECONDS < COMMAND_TIMEOUT_SECONDS


async def test_behind_a_pooler_no_connection_keeps_a_state(own_url: str) -> None:
    async with running_with(settings_for(f"{own_url}?pgbouncer=true")) as service:
        await (await service.sign_in(await service.make(make_user))).get("/api/v1/users/me")
        async with service.database.read() as session:
            prepared = text("SELECT count(*) FROM pg_prepared_statements")
            changed = text("SELECT name FROM pg_settings WHERE source IN ('client', 'session')")
            assert await session.scalar(prepared) == 0
            assert {*await session.scalars(changed)} == {"application_name", "client_encoding"}


async def test_slow_statement_is_503(committed_service: Service) -> None:
    async def dawdle(db: DB) -> None:
        await db.execute(text("SET LOCAL statement_timeout = '50ms'"))
        await db.execute(text("SELECT pg_sleep('infinity')"))

    response = await committed_service.client().post(add_route(committed_service, dawdle))

    assert response.status_code == 503


async def test_transaction_ended_by_the_server_is_503(committed_service: Service) -> None:
    async def lose_the_connection(db: DB) -> None:
        process = await db.scalar(text("SELECT pg_backend_pid()"))
        async with committed_service.database.read() as other:
            await other.execute(text("SELECT pg_terminate_backend(:process)"), {"process": process})
        db.add(new_user())
        await db.flush()

    path = add_route(committed_service, lose_the_connection)
    response = await committed_service.client().post(path)

    assert response.status_code == 503


async def test_cancelled_requests_leave_no_transaction_open(committed_service: Service) -> None:
    begun = asyncio.Semaphore(0)

    async def write_and_wait(db: DB) -> None:
        db.add(new_user())
        await db.flush()
        begun.release()
        await asyncio.Event().wait()

    path = add_route(committed_service, write_and_wait)
    requests = [asyncio.create_task(committed_service.client().post(path)) for _ in range(10)]
    async with patience():
        for _ in requests:
            await begun.acquire()
        for request in requests:
            request.cancel()
        await asyncio.wait(requests)

    async def none_is_open() -> bool:
        idle = text(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
            " AND state LIKE 'idle in transaction%'"
        )
        async with committed_service.database.read() as session:
            return not await session.scalar(idle)

    await eventually(none_is_open)
