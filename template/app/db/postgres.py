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
    text,
)
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.orm import InstrumentedAttribute

from app.core.config import Settings
from app.core.errors import Unavailable

logger = structlog.stdlib.get_logger(__name__)

NO_ANSWER = "The database is not responding; try again shortly"

CONNECT_TIMEOUT_SECONDS = 5
STATEMENT_TIMEOUT_SECONDS = 15
"""Enforced by the server. COMMAND_TIMEOUT_SECONDS is longer: it ends the wait for a hung server."""
COMMAND_TIMEOUT_SECONDS = 20
LOCK_TIMEOUT_SECONDS = 10
MIGRATION_LOCK = 20_010
"""An arbitrary number that no other advisory lock in this database uses."""

# SQLSTATE: foreign key, unique, exclusion.
CONFLICTS = {"23503", "23505", "23P01"}
# Classes of SQLSTATE: connection, transaction rolled back, resources, operator intervention.
OUTAGES = {"08", "40", "53", "57"}

WRITE_OPTIONS = {"isolation_level": "READ COMMITTED"}
"""Execution options of a session that may write. Others skip BEGIN and COMMIT, so two of their
statements may see different snapshots."""

RENDER_AS_BATCH = False
"""Migrations alter tables in place."""


def create_engine(settings: Settings, *, pool_timeout: float) -> AsyncEngine:
    engine = create_async_engine(
        settings.DATABASE_URL,
        isolation_level="AUTOCOMMIT",  # otherwise a ping is a transaction: three round trips
        echo=settings.DEBUG,
        hide_parameters=True,
        pool_size=settings.DATABASE_POOL_SIZE,
        max_overflow=settings.DATABASE_MAX_OVERFLOW,
        pool_timeout=pool_timeout,
        pool_pre_ping=True,
        connect_args={
            "async_creator_fn": _connect,
            "timeout": CONNECT_TIMEOUT_SECONDS,
            "command_timeout": COMMAND_TIMEOUT_SECONDS,
            "server_settings": {
                "application_name": settings.JWT_ISSUER,
                "idle_in_transaction_session_timeout": "60s",
                "statement_timeout": f"{STATEMENT_TIMEOUT_SECONDS}s",
            },
        },
    )
    event.listen(engine.sync_engine, "handle_error", _translate)
    _translate_pings(engine.sync_engine.dialect)
    return engine


def create_migration_engine(settings: Settings) -> AsyncEngine:
    """Make a second migrator wait for the transaction of the first."""
    engine = create_async_engine(
        settings.DATABASE_URL,
        hide_parameters=True,
        connect_args={"async_creator_fn": _connect, "timeout": CONNECT_TIMEOUT_SECONDS},
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


def is_outage(error: Exception) -> bool:
    """Return whether the database is unavailable, as opposed to a wrong statement."""
    if isinstance(error, DBAPIError):
        return error.connection_invalidated or _state(error)[:2] in OUTAGES
    return isinstance(error, PoolTimeoutError)


def _state(error: DBAPIError) -> str:
    return getattr(error.orig, "sqlstate", None) or ""


def _translate(context: ExceptionContext) -> None:
    error = context.original_exception
    if isinstance(error, TimeoutError):
        raise Unavailable(NO_ANSWER) from error
    if isinstance(error.__cause__, asyncpg.PostgresError):
        # It quotes the rejected row, with email and password hash: keep it out of the log.
        error.__cause__.detail = None


def _translate_pings(dialect: Any) -> None:
    """Turn the timeout of a ping, which precedes the use of a pooled connection, into Unavailable.

    SQLAlchemy 2.1 passes only driver errors from a ping to `handle_error`
    (sqlalchemy/sqlalchemy#5648), and asyncpg raises a TimeoutError after `command_timeout`.
    """
    ping = dialect.do_ping

    def ping_in_time(connection: DBAPIConnection) -> bool:
        try:
            return bool(ping(connection))
        except TimeoutError as error:
            raise Unavailable(NO_ANSWER) from error

    dialect.do_ping = ping_in_time


def _take_turn(connection: Connection) -> None:
    connection.exec_driver_sql("SELECT pg_advisory_xact_lock($1)", (MIGRATION_LOCK,))
    # While a migration waits for a table's lock, every request queues behind it.
    connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT_SECONDS}s'")


async def _connect(*args: Any, **kwargs: Any) -> asyncpg.Connection:
    try:
        return await asyncpg.connect(*args, **kwargs)
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        # SQLAlchemy 2.1 wraps asyncpg's connection errors, but not network errors
        # (sqlalchemy/sqlalchemy#11956).
        logger.error("database_unreachable", error=repr(error))
        raise Unavailable(NO_ANSWER) from error
