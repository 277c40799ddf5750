"""The hub of a service that runs in a single process."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from app.core.config import Settings
from app.db.changes import WatchedDatabase
from app.realtime.broker import Broker
from app.realtime.hub import Hub
from app.realtime.start import start_hub


@asynccontextmanager
async def open_hub(settings: Settings, database: WatchedDatabase) -> AsyncGenerator[Hub]:
    yield start_hub(settings, database, Broker())
