"""SQLite for a server: real transactions, foreign keys, concurrent readers and one writer."""

import os
import sqlite3
from pathlib import Path
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    ExceptionContext,
    Index,
    UniqueConstraint,
    event,
    text,
)
from sqlalchemy.engine.interfaces import DBAPIConnection, DBAPICursor
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine
from sqlalchemy.orm import InstrumentedAttribute
from sqlalchemy.pool import ConnectionPoolEntry

from app.core.config import Settings

BUSY_TIMEOUT_SECONDS = 5
MIGRATION_TIMEOUT_SECONDS = 60

# What a result code means (sqlite.org/rescode.html). Any other is our mistake.
CONFLICTS = {
    sqlite3.SQLITE_CONSTRAINT_FOREIGNKEY,
    sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY,
    sqlite3.SQLITE_CONSTRAINT_UNIQUE,
}
UNDONE = {sqlite3.SQLITE_BUSY_SNAPSHOT}
OCCUPIED = {
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_NOMEM,
    sqlite3.SQLITE_PROTOCOL,  # a race for the lock
}
BROKEN = {
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_CORRUPT,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_NOTADB,
    sqlite3.SQLITE_READONLY,
}
"""The connection is replaced: the file may have been repaired or restored since it was opened."""

WRITE_OPTIONS = {"sqlite_begin": "IMMEDIATE"}
"""Execution options of a session that may write. Others skip BEGIN and COMMIT, and neither wait for
the writer nor block it; two of their statements may see different snapshots."""

RENDER_AS_BATCH = True
"""Migrations replace a table, because SQLite can alter little of it in place."""


def create_engine(settings: Settings, *, pool_timeout: float) -> AsyncEngine:
    engine = _engine(settings, busy_timeout=BUSY_TIMEOUT_SECONDS, pool_timeout=pool_timeout)
    event.listen(engine.sync_engine, "connect", _enforce_foreign_keys)
    event.listen(engine.sync_engine, "handle_error", _replace_if_broken)
    return engine


def create_migration_engine(settings: Settings) -> AsyncEngine:
    """Leave foreign keys off: replacing a table would delete the rows that refer to it.

    A second migrator waits for the transaction of the first.
    """
    return _engine(
        settings, busy_timeout=MIGRATION_TIMEOUT_SECONDS, execution_options=WRITE_OPTIONS
    )


def partial(condition: str) -> dict[str, Any]:
    """Return the arguments for an Index of only the rows that meet `condition`."""
    return {"sqlite_where": text(condition)}


def contains(column: InstrumentedAttribute[str], part: str) -> ColumnElement[bool]:
    """Ignore case. LIKE does so for ASCII, and many times faster than `lower` from Python."""
    return (column.contains if part.isascii() else column.icontains)(part, autoescape=True)


def search_index(table: str, *columns: str) -> list[str]:
    """Return no statement: a search by `contains` reads the rows."""
    return []


def append_only(table: str) -> list[str]:
    """Return statements that make the table reject changes to its rows."""
    return [
        f"CREATE TRIGGER {table}_no_{change.lower()} BEFORE {change} ON {table}"
        f" BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
        for change in ("UPDATE", "DELETE")
    ]


def no_longer_append_only(table: str) -> list[str]:
    return [f"DROP TRIGGER {table}_no_{change}" for change in ("update", "delete")]


def violates(error: IntegrityError, rule: Index | UniqueConstraint) -> bool:
    """SQLite reports the columns of a violated rule, or the name of an index on expressions."""
    columns = ", ".join(f"{column.table.name}.{column.name}" for column in rule.columns)
    return str(error.orig) in {
        f"UNIQUE constraint failed: {columns}",
        f"UNIQUE constraint failed: index '{rule.name}'",
    }


def is_conflict(error: IntegrityError) -> bool:
    """Return whether a row conflicts with others, as opposed to one that is never valid."""
    return _code(error.orig) in CONFLICTS


def is_undone(error: Exception) -> bool:
    """Return whether the transaction was rolled back, and may succeed if it is repeated."""
    return isinstance(error, DBAPIError) and _code(error.orig) in UNDONE


def is_outage(error: Exception) -> bool:
    """Return whether the database is unavailable: locked, unreadable or on a full disk."""
    if isinstance(error, DBAPIError):
        return _code(error.orig) & 0xFF in OCCUPIED | BROKEN  # the primary code of an extended one
    return isinstance(error, PoolTimeoutError)


async def is_read_only(session: AsyncSession) -> bool:
    """Return whether the file or its folder, which holds the write-ahead log, is read-only."""
    query = text("SELECT file FROM pragma_database_list WHERE name = 'main'")
    file = Path(await session.scalar(query) or "")
    return not all(os.access(path, os.W_OK) for path in (file, file.parent))


def _code(error: BaseException | None) -> int:
    return getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR)


def _replace_if_broken(context: ExceptionContext) -> None:
    if _code(context.original_exception) & 0xFF in BROKEN:
        context.is_disconnect = True


def _engine(settings: Settings, *, busy_timeout: int, **options: Any) -> AsyncEngine:
    engine = create_async_engine(
        settings.DATABASE_URL,
        echo=settings.DEBUG,
        hide_parameters=True,
        pool_size=settings.DATABASE_POOL_SIZE,
        max_overflow=0,
        connect_args={"timeout": busy_timeout},
        **options,
    )
    event.listen(engine.sync_engine, "connect", _prepare)
    event.listen(engine.sync_engine, "begin", _begin)
    return engine


def _prepare(connection: DBAPIConnection, _: ConnectionPoolEntry) -> None:
    # Otherwise the driver begins and commits implicitly, which breaks SAVEPOINT: see "Enabling
    # Non-Legacy SQLite Transactional Modes" in the documentation of SQLAlchemy 2.1.
    connection.isolation_level = None
    connection.create_function("lower", 1, _lower, deterministic=True)
    cursor = connection.cursor()
    _use_write_ahead_log(cursor)
    cursor.execute("PRAGMA synchronous = NORMAL")
    # Otherwise REPLACE INTO deletes a row without firing the trigger that forbids it.
    cursor.execute("PRAGMA recursive_triggers = ON")
    cursor.close()


def _lower(text: str | None) -> str | None:
    """Support Unicode: with the built-in `lower`, a search for "é" would miss "É"."""
    return None if text is None else text.lower()


def _use_write_ahead_log(cursor: DBAPICursor, attempts: int = 10) -> None:
    """Retry: when several processes open a new file together, all but one may fail to switch."""
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
    # A transaction that starts as a reader fails at its first write if another has written since.
    # One that may write therefore waits for the write lock at the start.
    if mode := connection.get_execution_options().get("sqlite_begin"):
        connection.exec_driver_sql(f"BEGIN {mode}")
