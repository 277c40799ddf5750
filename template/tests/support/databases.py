"""The databases that the tests run on."""

from collections.abc import Awaitable, Callable, Generator, Iterable
from contextlib import AbstractAsyncContextManager, contextmanager
from types import ModuleType
from typing import Any, Protocol

import pytest
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from app.core import probe
from tests.support.waiting import PATIENCE

LockWaits = Callable[[], Awaitable[int]]
"""The number of transactions that wait for a lock now."""


class Databases(Protocol):
    async def create(self) -> str:
        """Return the URL of a new, empty database."""

    async def copy(self, url: str) -> str:
        """Return the URL of a copy; the original must have no connections."""

    def lend(self, migrated: str) -> AbstractAsyncContextManager[str]:
        """Yield the URL of a copy for one test, which must not change its tables."""

    def lock_waits(self, engine: AsyncEngine) -> LockWaits:
        """Count the waits of this engine's transactions, from now on."""

    async def explain(
        self, connection: AsyncConnection, queries: Iterable[tuple[str, Any]]
    ) -> list[str]:
        """Return the plan of each query, a statement with its parameters."""

    def unindexed(self, plan: str) -> list[str]:
        """Return the steps that scan a table or sort rows for want of an index."""


@contextmanager
def patient_service(module: ModuleType, *limits: str) -> Generator[None]:
    """Raise the limits of the service: on a slow machine, a healthy database exceeds them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(probe, "PROBE_SECONDS", PATIENCE)
        for name in limits:
            patch.setattr(module, name, int(PATIENCE))
        yield
