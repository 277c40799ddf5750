"""PostgreSQL through asyncpg: every wait is bounded, so that a hung server is an error, not a hang."""

from typing import Any

import asyncpg
from sqlalchemy import Connection, event, make_url
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from app.core.config import Settings
from app.core.errors import Unavailable

CONNECT_TIMEOUT_SECONDS = 5
COMMAND_TIMEOUT_SECONDS = 30
LOCK_TIMEOUT_SECONDS = 10
MIGRATION_LOCK = 20_010  # any number that nothing else in this database takes as its advisory lock

READ_OPTIONS = {"isolation_level": "AUTOCOMMIT"}
"""Execution options of a session that only reads: no BEGIN and COMMIT around its statements, so
two of them may see different snapshots."""


def create_engine(settings: Settings) -> AsyncEngine:
    return create_async_engine(
        make_url(settings.DATABASE_URL),
        echo=settings.DEBUG,
        hide_parameters=True,
        pool_size=settings.DATABASE_POOL_SIZE,
        max_overflow=settings.DATABASE_MAX_OVERFLOW,
        pool_timeout=settings.DATABASE_POOL_TIMEOUT,
        pool_pre_ping=True,
        connect_args={
            "async_creator_fn": _connect,
            "timeout": CONNECT_TIMEOUT_SECONDS,
            "command_timeout": COMMAND_TIMEOUT_SECONDS,
            "server_settings": {
                "application_name": settings.JWT_ISSUER,
                "idle_in_transaction_session_timeout": "60s",
                "statement_timeout": f"{COMMAND_TIMEOUT_SECONDS}s",
            },
        },
    )


def create_migration_engine(settings: Settings) -> AsyncEngine:
    """A second migrator waits for the first one's transaction; a table's lock is waited for briefly,
    because every request queues up behind the one who waits."""
    engine = create_async_engine(
        make_url(settings.DATABASE_URL),
        hide_parameters=True,
        connect_args={
            "async_creator_fn": _connect,
            "timeout": CONNECT_TIMEOUT_SECONDS,
        },
    )
    event.listen(engine.sync_engine, "begin", _wait_for_turn)
    return engine


def _wait_for_turn(connection: Connection) -> None:
    connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({MIGRATION_LOCK})")
    connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT_SECONDS}s'")


async def _connect(*args: Any, **kwargs: Any) -> asyncpg.Connection:
    try:
        return await asyncpg.connect(*args, **kwargs)
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        # SQLAlchemy does not translate what goes wrong before there is a connection.
        raise Unavailable("The database does not answer; try again shortly.") from error
