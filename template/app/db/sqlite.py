"""sqlite as a server's database: real transactions, foreign keys, readers beside one writer."""

import sqlite3
from typing import Any

from sqlalchemy import Connection, Index, UniqueConstraint, event, make_url, text
from sqlalchemy.engine.interfaces import DBAPIConnection, DBAPICursor
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry

from app.core.config import Settings

BUSY_TIMEOUT_SECONDS = 5
MIGRATION_TIMEOUT_SECONDS = 60

CONFLICTS = {
    sqlite3.SQLITE_CONSTRAINT_FOREIGNKEY,
    sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY,
    sqlite3.SQLITE_CONSTRAINT_UNIQUE,
}
OUTAGES = {
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_CORRUPT,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_NOMEM,
    sqlite3.SQLITE_NOTADB,
    sqlite3.SQLITE_READONLY,
}

READ_OPTIONS = {"sqlite_begin": "DEFERRED"}
"""Execution options of a session that only reads: it neither waits for the writer nor stops him."""

RENDER_AS_BATCH = True
"""Migrations replace a table where other databases alter it."""


def create_engine(settings: Settings) -> AsyncEngine:
    engine = _engine(settings, busy_timeout=BUSY_TIMEOUT_SECONDS)
    event.listen(engine.sync_engine, "connect", _enforce_foreign_keys)
    return engine


def create_migration_engine(settings: Settings) -> AsyncEngine:
    """Without foreign keys, or replacing a table would delete the rows that refer to it.

    A second migrator waits for the first one's transaction.
    """
    return _engine(settings, busy_timeout=MIGRATION_TIMEOUT_SECONDS)


def partial(condition: str) -> dict[str, Any]:
    """Arguments of an Index that holds only the rows of which `condition` is true."""
    return {"sqlite_where": text(condition)}


def violates(error: IntegrityError, rule: Index | UniqueConstraint) -> bool:
    """sqlite tells the columns of a violated rule, or the name of an index over expressions."""
    columns = ", ".join(f"{column.table.name}.{column.name}" for column in rule.columns)
    return str(error.orig) in {
        f"UNIQUE constraint failed: {columns}",
        f"UNIQUE constraint failed: index '{rule.name}'",
    }


def is_conflict(error: IntegrityError) -> bool:
    """Whether other rows are in the way, in contrast to a row that no state could accept."""
    return _code(error) in CONFLICTS


def is_outage(error: Exception) -> bool:
    """Whether the database cannot answer now: locked, unreadable, or on a full disk."""
    if isinstance(error, DBAPIError):
        return _code(error) & 0xFF in OUTAGES  # the lowest byte is the kind, the others say more
    return isinstance(error, PoolTimeoutError | TimeoutError)


def _code(error: DBAPIError) -> int:
    return getattr(error.orig, "sqlite_errorcode", sqlite3.SQLITE_ERROR)


def _engine(settings: Settings, *, busy_timeout: int) -> AsyncEngine:
    engine = create_async_engine(
        make_url(settings.DATABASE_URL),
        echo=settings.DEBUG,
        hide_parameters=True,
        pool_size=settings.DATABASE_POOL_SIZE,
        max_overflow=settings.DATABASE_MAX_OVERFLOW,
        pool_timeout=settings.DATABASE_POOL_TIMEOUT,
        connect_args={"timeout": busy_timeout},
    )
    event.listen(engine.sync_engine, "connect", _prepare)
    event.listen(engine.sync_engine, "begin", _begin)
    return engine


def _prepare(connection: DBAPIConnection, _: ConnectionPoolEntry) -> None:
    # Python's driver would begin and commit at moments of its own choosing: SAVEPOINT breaks then.
    connection.isolation_level = None
    connection.create_function("lower", 1, _lower, deterministic=True)
    cursor = connection.cursor()
    _use_write_ahead_log(cursor)
    cursor.execute("PRAGMA synchronous = NORMAL")
    cursor.close()


def _lower(text: str | None) -> str | None:
    """sqlite's own knows ASCII only, so that a search for "é" would miss "É"."""
    return None if text is None else text.lower()


def _use_write_ahead_log(cursor: DBAPICursor, attempts: int = 10) -> None:
    """When several processes open a new file at once, sqlite lets one switch and fails the rest."""
    try:
        cursor.execute("PRAGMA journal_mode = WAL")
    except sqlite3.OperationalError:
        if attempts == 1:
            raise
        # Unlike the switch, this waits for its turn.
        cursor.execute("BEGIN IMMEDIATE")
        cursor.execute("COMMIT")
        _use_write_ahead_log(cursor, attempts - 1)


def _enforce_foreign_keys(connection: DBAPIConnection, _: ConnectionPoolEntry) -> None:
    cursor = connection.cursor()
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.close()


def _begin(connection: Connection) -> None:
    # A transaction that starts as a reader cannot become the writer once somebody else has written:
    # sqlite fails it at once. One that may write therefore takes the lock, and its turn, first.
    mode = connection.get_execution_options().get("sqlite_begin", "IMMEDIATE")
    connection.exec_driver_sql(f"BEGIN {mode}")
