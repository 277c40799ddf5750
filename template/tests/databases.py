"""What the tests ask for when they need a database."""

from contextlib import AbstractAsyncContextManager
from typing import Protocol


class Databases(Protocol):
    async def create(self) -> str:
        """The URL of a new, empty database."""

    async def copy(self, url: str) -> str:
        """The URL of a new database with the same content; the old one must have no connection."""

    def lend(self, migrated: str) -> AbstractAsyncContextManager[str]:
        """The URL of a copy that nobody else uses meanwhile; its tables must stay as they are."""
