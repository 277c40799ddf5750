"""Notify listeners which rows a transaction has changed, once it is committed.

Bulk statements (`update()`, `delete()`) are not recorded: load the rows and change them instead.
"""

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from enum import Enum, auto

import structlog
from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker
from sqlalchemy.orm import Session, SessionTransaction, UOWTransaction

from app.core.config import Settings
from app.db import session
from app.db.base import Base, changed_columns
from app.db.dialect import WRITE_OPTIONS

logger = structlog.stdlib.get_logger(__name__)


class Kind(Enum):
    CREATED = auto()
    UPDATED = auto()
    DELETED = auto()


@dataclass(frozen=True)
class Change:
    kind: Kind
    row: Base
    columns: frozenset[str]
    """The columns with a new value."""


Listener = Callable[[list[Change]], Awaitable[None]]


class RecordingSession(Session):
    """Record the changes of each flush in `info`, and discard those that are rolled back."""


class WatchedSession(AsyncSession):
    sync_session_class = RecordingSession

    async def commit(self) -> None:
        await super().commit()
        await self._notify()

    async def close(self) -> None:
        """Notify here too, because `async with session.begin()` commits without `commit`."""
        await super().close()
        await self._notify()

    async def _notify(self) -> None:
        changes = self.info.pop("committed", [])
        for listener in self.info["listeners"] if changes else ():
            try:
                await listener(changes)
            except Exception:
                logger.exception("listener_failed")


class WatchedDatabase(session.Database):
    def __init__(self, engine: AsyncEngine) -> None:
        super().__init__(engine)
        self._listeners: list[Listener] = []
        self.write = async_sessionmaker[AsyncSession](
            engine.execution_options(**WRITE_OPTIONS),
            class_=WatchedSession,
            expire_on_commit=False,
            info={"listeners": self._listeners},
        )

    def watch(self, listener: Listener) -> None:
        """Await the listener after each commit with changes, before the response."""
        self._listeners.append(listener)


@asynccontextmanager
async def open_database(settings: Settings) -> AsyncGenerator[WatchedDatabase]:
    async with session.open_database(settings) as database:
        yield WatchedDatabase(database.engine)


@event.listens_for(RecordingSession, "after_flush")
def _record(session: Session, _: UOWTransaction) -> None:
    changes: list[Change] = session.info.setdefault("flushed", [])
    for kind, rows in (
        (Kind.CREATED, session.new),
        (Kind.UPDATED, session.dirty),
        (Kind.DELETED, session.deleted),
    ):
        for row in rows:
            columns = frozenset(changed_columns(row))
            if columns or kind is Kind.DELETED:
                changes.append(Change(kind, row, columns))


@event.listens_for(RecordingSession, "after_transaction_create")
def _mark(session: Session, transaction: SessionTransaction) -> None:
    if transaction.nested:
        marks = session.info.setdefault("savepoints", {})
        marks[transaction] = len(session.info.get("flushed", ()))


@event.listens_for(RecordingSession, "after_commit")
def _keep(session: Session) -> None:
    if not session.in_nested_transaction():  # a released savepoint can still be undone
        session.info.setdefault("committed", []).extend(session.info.pop("flushed", []))
        session.info.pop("savepoints", None)


@event.listens_for(RecordingSession, "after_soft_rollback")
def _forget(session: Session, transaction: SessionTransaction) -> None:
    """Discard what was rolled back: for a savepoint, only what was flushed after it."""
    while transaction.parent and not transaction.nested:
        transaction = transaction.parent
    mark = session.info.get("savepoints", {}).get(transaction, 0)
    del session.info.get("flushed", [])[mark:]
