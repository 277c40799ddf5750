"""PostgreSQL through asyncpg: every wait has a timeout, so that a hung server becomes an error."""

from typing import Any

import asyncpg
import structlog
from sqlalchemy import (
    ColumnElement,
    Connection,
    ExceptionContext,
    Index,
    UniqueConstraint,
    event,
    make_url,
    text,
)
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import DBAPIError, DisconnectionError, IntegrityError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine
from sqlalchemy.orm import InstrumentedAttribute

from app.core.config import Settings
from app.core.errors import DATABASE_UNAVAILABLE, Unavailable

logger = structlog.stdlib.get_logger(__name__)

CONNECT_TIMEOUT_SECONDS = 5
STATEMENT_TIMEOUT_SECONDS = 15
"""Enforced by the server. COMMAND_TIMEOUT_SECONDS is longer: it ends the wait for a hung server."""
COMMAND_TIMEOUT_SECONDS = 20
LOCK_TIMEOUT_SECONDS = 10
MIGRATION_LOCK = 20_010
"""An arbitrary number that no other advisory lock in this database uses."""

# What a SQLSTATE or its class means (Appendix A of the documentation). Any other is our mistake.
CONFLICTS = {"23503", "23505", "23P01"}  # foreign key, unique, exclusion
UNDONE = {"40001", "40P01"}  # serialization failure, deadlock
OUTAGES = {
    "08",  # connection; also every error of PgBouncer
    "25006",  # read-only: after a failover, or set by the host because the disk is full
    "25P03",  # idle in transaction for too long
    "25P04",  # transaction timeout
    "40",  # transaction rolled back
    "53",  # insufficient resources: connections, memory, disk
    "55P03",  # lock not available in time
    "57",  # operator intervention: shutdown, crash, canceled statement
    "58",  # system error: input and output
    "XX",  # internal error, corrupted data
}
# After an `ALTER TABLE`; statements are then prepared again.
OUTDATED = (asyncpg.InvalidCachedStatementError, asyncpg.OutdatedSchemaCacheError)

WRITE_OPTIONS = {"isolation_level": "READ COMMITTED"}
"""Execution options of a session that may write. Others skip BEGIN and COMMIT, so two of their
statements may see different snapshots."""

RENDER_AS_BATCH = False
"""Migrations alter tables in place."""


def create_engine(settings: Settings, *, pool_timeout: float) -> AsyncEngine:
    timeouts = {
        "idle_in_transaction_session_timeout": "60s",
        "statement_timeout": f"{STATEMENT_TIMEOUT_SECONDS}s",
    }
    if _has_pooler(settings):
        timeouts = {}  # it would reject them: see "Connection poolers" in docs/architecture.md
    engine = create_async_engine(
        settings.DATABASE_URL,
        isolation_level="AUTOCOMMIT",
        echo=settings.DEBUG,
        hide_parameters=True,
        pool_size=settings.DATABASE_POOL_SIZE,
        max_overflow=0,
        pool_timeout=pool_timeout,
        connect_args={
            **_connect_args(settings),
            "command_timeout": COMMAND_TIMEOUT_SECONDS,
            "server_settings": {"application_name": settings.JWT_ISSUER, **timeouts},
        },
    )
    event.listen(engine.sync_engine, "checkout", _replace_if_closed)
    event.listen(engine.sync_engine, "handle_error", _translate)
    return engine


def create_migration_engine(settings: Settings) -> AsyncEngine:
    """Make a second migrator wait for the transaction of the first."""
    engine = create_async_engine(
        settings.DATABASE_URL, hide_parameters=True, connect_args=_connect_args(settings)
    )
    event.listen(engine.sync_engine, "begin", _take_turn)
    return engine


def partial(condition: str) -> dict[str, Any]:
    """Return the arguments for an Index of only the rows that meet `condition`."""
    return {"postgresql_where": text(condition)}


def contains(column: InstrumentedAttribute[str], part: str) -> ColumnElement[bool]:
    """Ignore case, and use the columns' `search_index`."""
    return column.icontains(part, autoescape=True)


def search_index(table: str, *columns: str) -> list[str]:
    """Return a statement that makes an index for `contains`, which helps from three characters.

    It does nothing if the extension pg_trgm is missing or may not be installed: a search then
    reads the rows.
    """
    keys = ", ".join(f"{column} gin_trgm_ops" for column in columns)
    return [
        "DO $$ BEGIN IF EXISTS (SELECT FROM pg_available_extensions WHERE name = 'pg_trgm') THEN"
        " CREATE EXTENSION IF NOT EXISTS pg_trgm;"
        f" CREATE INDEX ix_{table}_search ON {table} USING gin ({keys}); END IF;"
        " EXCEPTION WHEN insufficient_privilege THEN RAISE NOTICE 'pg_trgm is not installed';"
        " END $$"
    ]


def append_only(table: str) -> list[str]:
    """Return statements that make the table reject changes to its rows."""
    return [
        f"CREATE FUNCTION {table}_refuse() RETURNS trigger LANGUAGE plpgsql"
        f" AS $$ BEGIN RAISE EXCEPTION '{table} is append-only'; END $$",
        f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table}"
        f" FOR EACH STATEMENT EXECUTE FUNCTION {table}_refuse()",
    ]


def no_longer_append_only(table: str) -> list[str]:
    return [
        f"DROP TRIGGER {table}_append_only ON {table}",
        f"DROP FUNCTION {table}_refuse()",
    ]


def violates(error: IntegrityError, rule: Index | UniqueConstraint) -> bool:
    cause = error.orig.__cause__ if error.orig else None
    return getattr(cause, "constraint_name", None) == rule.name


def is_conflict(error: IntegrityError) -> bool:
    """Return whether a row conflicts with others, as opposed to one that is never valid."""
    return _state(error) in CONFLICTS


def is_undone(error: Exception) -> bool:
    """Return whether the transaction was rolled back, and may succeed if it is repeated."""
    if not isinstance(error, DBAPIError) or error.orig is None:
        return False
    return _state(error) in UNDONE or isinstance(error.orig.__cause__, OUTDATED)


def is_outage(error: Exception) -> bool:
    """Return whether the database is unavailable, as opposed to a wrong statement."""
    if isinstance(error, DBAPIError):
        state = _state(error)
        unavailable = state in OUTAGES or state[:2] in OUTAGES
        return unavailable or error.connection_invalidated or is_undone(error)
    return isinstance(error, PoolTimeoutError)


async def is_read_only(session: AsyncSession) -> bool:
    """Return whether writes fail: on a replica, or where the server or database is set so."""
    return bool(await session.scalar(text("SHOW transaction_read_only")) == "on")


def _state(error: DBAPIError) -> str:
    return getattr(error.orig, "sqlstate", None) or ""


def _translate(context: ExceptionContext) -> None:
    error = context.original_exception
    cause = error.__cause__
    if isinstance(error, OSError):  # among them TimeoutError
        raise Unavailable(DATABASE_UNAVAILABLE) from error
    if isinstance(cause, asyncpg.PostgresError):
        # It quotes the rejected row, with email and password hash: keep it out of the log.
        cause.detail = None
    if isinstance(cause, asyncpg.OutdatedSchemaCacheError):
        context.is_disconnect = True  # asyncpg 0.32 closes the statement that SQLAlchemy caches
    if isinstance(cause, asyncpg.ReadOnlySQLTransactionError):
        # A new connection may reach the new primary. Those in use for reading remain.
        context.is_disconnect = True
        context.invalidate_pool_on_disconnect = False


def _replace_if_closed(connection: DBAPIConnection, *_: Any) -> None:
    """Replace a connection that the server has closed, without a ping for each use."""
    if connection.driver_connection.is_closed():
        raise DisconnectionError


def _connect_args(settings: Settings) -> dict[str, Any]:
    """Behind a pooler, parse each statement in the round trip that executes it, without a name:
    the next round trip may reach another connection of the server."""
    cached = 0 if _has_pooler(settings) else 100
    return {
        "async_creator_fn": _connect,
        "statement_cache_size": cached,
        "timeout": CONNECT_TIMEOUT_SECONDS,
    }


def _has_pooler(settings: Settings) -> bool:
    """Return whether the URL has `pgbouncer=true`, which `postgres_url` turns into this option."""
    return make_url(settings.DATABASE_URL).query.get("prepared_statement_cache_size") == "0"


def _take_turn(connection: Connection) -> None:
    connection.exec_driver_sql("SELECT pg_advisory_xact_lock($1)", (MIGRATION_LOCK,))
    # While a migration waits for a table's lock, every request queues behind it.
    connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT_SECONDS}s'")
    connection.exec_driver_sql("SET LOCAL statement_timeout = 0")  # the role's is for requests


async def _connect(*args: Any, **kwargs: Any) -> asyncpg.Connection:
    try:
        return await asyncpg.connect(*args, **kwargs)
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        # SQLAlchemy 2.1 wraps asyncpg's connection errors, but not network errors
        # (sqlalchemy/sqlalchemy#11956).
        logger.error("database_unreachable", error=repr(error))
        raise Unavailable(DATABASE_UNAVAILABLE) from error
