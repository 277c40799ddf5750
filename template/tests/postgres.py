"""Databases for the tests: on a private PostgreSQL, or on the server of `TEST_DATABASE_URL`."""

import os
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from uuid import uuid4

import asyncpg
from sqlalchemy import URL, make_url

from app.cli.postgres import temporary_postgres


class Databases:
    def __init__(self, server: URL) -> None:
        self._server = server
        self._names: list[str] = []

    async def create(self, template: str = "template1") -> str:
        """The URL of a new, empty database."""
        name = f"test_{uuid4().hex}"
        await self._execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
        self._names.append(name)
        url = self._server.set(drivername="postgresql+asyncpg", database=name)
        return url.render_as_string(hide_password=False)

    async def copy(self, url: str) -> str:
        """The URL of a new database with the same content; the old one must have no connection."""
        return await self.create(template=make_url(url).database or "")

    async def drop_all(self) -> None:
        for name in self._names:
            await self._execute(f'DROP DATABASE "{name}" WITH (FORCE)')

    async def _execute(self, statement: str) -> None:
        url = self._server.set(drivername="postgresql")
        connection = await asyncpg.connect(url.render_as_string(hide_password=False))
        try:
            await connection.execute(statement)
        finally:
            await connection.close()


@asynccontextmanager
async def open_databases() -> AsyncGenerator[Databases]:
    given = os.environ.get("TEST_DATABASE_URL")
    if not given:
        with temporary_postgres() as server:
            yield Databases(make_url(server))  # they vanish with it
        return
    databases = Databases(make_url(given))
    try:
        yield databases
    finally:
        await databases.drop_all()
