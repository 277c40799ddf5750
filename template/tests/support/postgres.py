"""Databases for the tests: on a private PostgreSQL or the server of `TEST_DATABASE_URL`."""

import os
import re
from collections.abc import AsyncGenerator, Iterable
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

import asyncpg
from sqlalchemy import URL, make_url, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from app.db import postgres
from app.models import User
from development.postgres import temporary_postgres
from tests.support.databases import LockWaits, patient_service

LIMITS = ("COMMAND_TIMEOUT_SECONDS", "CONNECT_TIMEOUT_SECONDS", "STATEMENT_TIMEOUT_SECONDS")
LOCK_WAITS = """
    SELECT count(*) FROM pg_stat_activity
    WHERE datname = current_database() AND cardinality(pg_blocking_pids(pid)) > 0
"""

LAST_CONNECTIONS = """
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = current_database() AND usename = current_user AND pid <> pg_backend_pid()
"""
EMPTY_TABLES = [
    statement
    for table in reversed(User.metadata.sorted_tables)
    for statement in (
        f"ALTER TABLE {table.name} DISABLE TRIGGER USER",  # it may be append-only
        str(table.delete()),
        f"ALTER TABLE {table.name} ENABLE TRIGGER USER",
    )
]
EMPTY = ";".join([LAST_CONNECTIONS, *EMPTY_TABLES])


class PostgresDatabases:
    def __init__(self, server: URL) -> None:
        self._server = server
        self._names: list[str] = []
        self._returned: list[str] = []

    async def create(self, template: str = "template1") -> str:
        name = f"test_{uuid4().hex}"
        await self._execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
        self._names.append(name)
        url = self._server.set(drivername="postgresql+asyncpg", database=name)
        return url.render_as_string(hide_password=False)

    async def copy(self, url: str) -> str:
        return await self.create(template=make_url(url).database or "")

    @asynccontextmanager
    async def lend(self, migrated: str) -> AsyncGenerator[str]:
        """Empty it afterwards to lend it again, which is faster than a new one."""
        url = self._returned.pop() if self._returned else await self.copy(migrated)
        yield url
        await self._execute(EMPTY, database=make_url(url).database)
        self._returned.append(url)

    def lock_waits(self, engine: AsyncEngine) -> LockWaits:
        async def count() -> int:
            async with engine.connect() as connection:
                return await connection.scalar(text(LOCK_WAITS)) or 0

        return count

    async def explain(
        self, connection: AsyncConnection, queries: Iterable[tuple[str, Any]]
    ) -> list[str]:
        """Discourage scans and sorts, which are best for the small tables of a test."""
        for step in ("seqscan", "bitmapscan", "sort"):
            await connection.exec_driver_sql(f"SET LOCAL enable_{step} = off")
        await connection.exec_driver_sql("ANALYZE")
        explained = [(f"EXPLAIN {each[0]}", each[1]) for each in queries]
        plans = [await connection.exec_driver_sql(*each) for each in explained]
        return ["\n".join(plan.scalars()) for plan in plans]

    def unindexed(self, plan: str) -> list[str]:
        return re.findall(r"Seq Scan on .*|Sort Key: .*", plan)

    async def drop_all(self) -> None:
        for name in self._names:
            await self._execute(f'DROP DATABASE "{name}" WITH (FORCE)')

    async def _execute(self, statement: str, database: str | None = None) -> None:
        url = self._server.set(drivername="postgresql", database=database or self._server.database)
        connection = await asyncpg.connect(url.render_as_string(hide_password=False))
        try:
            await connection.execute(statement)
        finally:
            await connection.close()


@asynccontextmanager
async def open_databases() -> AsyncGenerator[PostgresDatabases]:
    given = os.environ.get("TEST_DATABASE_URL")
    with patient_service(postgres, *LIMITS):
        if not given:
            with temporary_postgres() as server:
                yield PostgresDatabases(make_url(server))  # they vanish with it
            return
        databases = PostgresDatabases(make_url(given))
        try:
            yield databases
        finally:
            await databases.drop_all()
