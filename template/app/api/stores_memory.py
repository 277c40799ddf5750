"""Stores in the memory of each process."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from limits.aio.storage import MemoryStorage

from app.api.resources import Stores
from app.core.config import Settings
from app.db.session import Database
from app.services import organizations


@asynccontextmanager
async def open_stores(settings: Settings, database: Database) -> AsyncGenerator[Stores]:
    """Count in memory, and cache nothing."""
    yield Stores(counters=MemoryStorage(), organization_details=organizations.details)
