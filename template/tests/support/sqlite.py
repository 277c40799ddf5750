"""Databases for the tests: files in a folder that vanishes with the run."""

import re
import shutil
from collections.abc import AsyncGenerator, Iterable
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from sqlalchemy import Connection, ExceptionContext, event
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from app.db import sqlite
from tests.support.databases import LockWaits, patient_service


class SqliteDatabases:
    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._numbers = count()

    async def create(self) -> str:
        return f"sqlite+aiosqlite:///{self._folder}/{next(self._numbers)}.db"

    async def copy(self, url: str) -> str:
        new = await self.create()
        shutil.copyfile(*(each.removeprefix("sqlite+aiosqlite:///") for each in (url, new)))
        return new

    @asynccontextmanager
    async def lend(self, migrated: str) -> AsyncGenerator[str]:
        yield await self.copy(migrated)

    def lock_waits(self, engine: AsyncEngine) -> LockWaits:
        """Count the connections that have sent BEGIN IMMEDIATE and got no lock yet."""
        waiting: set[Connection | None] = set()

        def ask(connection: Connection, _: Any, statement: str, *__: Any) -> None:
            if statement == "BEGIN IMMEDIATE":
                waiting.add(connection)

        def get(connection: Connection, *_: Any) -> None:
            waiting.discard(connection)

        def fail(context: ExceptionContext) -> None:
            waiting.discard(context.connection)

        event.listen(engine.sync_engine, "before_cursor_execute", ask)
        event.listen(engine.sync_engine, "after_cursor_execute", get)
        event.listen(engine.sync_engine, "handle_error", fail)

        async def count() -> int:
            return len(waiting)

        return count

    async def explain(
        self, connection: AsyncConnection, queries: Iterable[tuple[str, Any]]
    ) -> list[str]:
        explained = [(f"EXPLAIN QUERY PLAN {each[0]}", each[1]) for each in queries]
        plans = [await connection.exec_driver_sql(*each) for each in explained]
        return ["\n".join(row.detail for row in plan) for plan in plans]

    def unindexed(self, plan: str) -> list[str]:
        return re.findall(r"SCAN \w+$|USE TEMP B-TREE FOR .*ORDER BY", plan, re.MULTILINE)


@asynccontextmanager
async def open_databases() -> AsyncGenerator[SqliteDatabases]:
    with patient_service(sqlite, "BUSY_TIMEOUT_SECONDS"), TemporaryDirectory() as folder:
        yield SqliteDatabases(Path(folder))
