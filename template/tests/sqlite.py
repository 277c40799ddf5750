"""Databases for the tests: files in a folder that vanishes with the run."""

import shutil
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory


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


@asynccontextmanager
async def open_databases() -> AsyncGenerator[SqliteDatabases]:
    with TemporaryDirectory() as folder:
        yield SqliteDatabases(Path(folder))
