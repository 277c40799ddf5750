"""Databases for the tests: files in a folder that vanishes with the run."""

import shutil
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory


class Databases:
    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._numbers = count()

    async def create(self) -> str:
        """The URL of a new, empty database."""
        return f"sqlite+aiosqlite:///{self._folder}/{next(self._numbers)}.db"

    async def copy(self, url: str) -> str:
        """The URL of a new database with the same content; the old one must have no connection."""
        new = await self.create()
        shutil.copyfile(*(each.removeprefix("sqlite+aiosqlite:///") for each in (url, new)))
        return new

    @asynccontextmanager
    async def lend(self, migrated: str) -> AsyncGenerator[str]:
        """The URL of a copy that nobody else uses."""
        yield await self.copy(migrated)


@asynccontextmanager
async def open_databases() -> AsyncGenerator[Databases]:
    with TemporaryDirectory() as folder:
        yield Databases(Path(folder))
