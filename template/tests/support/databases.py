"""What the tests ask for when they need a database."""

from collections.abc import Awaitable, Callable, Generator
from contextlib import AbstractAsyncContextManager, contextmanager
from types import ModuleType
from typing import Protocol

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from app.core import probe
from tests.support.waiting import PATIENCE

LockWaits = Callable[[], Awaitable[int]]
"""How many transactions wait for another one at the moment."""


class Databases(Protocol):
    async def create(self) -> str:
        """The URL of a new, empty database."""

    async def copy(self, url: str) -> str:
        """The URL of a new database with the same content; the old one must have no connection."""

    def lend(self, migrated: str) -> AbstractAsyncContextManager[str]:
        """The URL of a copy that no other test uses; its tables must stay as they are."""

    def lock_waits(self, engine: AsyncEngine) -> LockWaits:
        """Count the waits of this engine's transactions, from now on."""


@contextmanager
def patient_service(module: ModuleType, *limits: str) -> Generator[None]:
    """Raise the limits of the service: on a slow machine, a healthy database exceeds them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(probe, "PROBE_SECONDS", PATIENCE)
        for name in limits:
            patch.setattr(module, name, int(PATIENCE))
        yield
