"""What each process keeps in its own memory."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from limits.aio.storage import MemoryStorage

from app.api.resources import Stores
from app.core.config import Settings
from app.db.session import Database
from app.services import organizations


@asynccontextmanager
async def open_stores(settings: Settings, database: Database) -> AsyncGenerator[Stores]:
    """Nothing is cached."""
    yield Stores(counters=MemoryStorage(), organization_details=organizations.details)
