"""Hubs on one Redis, as several processes have them."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncEngine

from app.core.config import Settings
from app.core.redis import open_redis
from app.db.changes import WatchedDatabase
from app.realtime.hub import Hub
from app.realtime.redis import RedisBroker
from app.realtime.start import start_hub
from tests.realtime import DEADLINE, join, say, texts


@asynccontextmanager
async def hub_on(settings: Settings, engine: AsyncEngine) -> AsyncGenerator[Hub]:
    async with open_redis(settings) as shared:
        broker = RedisBroker(shared.client, settings.JWT_ISSUER)
        hub = start_hub(settings, WatchedDatabase(engine), broker)
        async with broker.running(hub):
            yield hub


async def meet(hub: Hub, other: Hub, project_id: UUID) -> None:
    """Until what is said in one is heard in the other."""
    listener = await join(other, project_id)
    async with asyncio.timeout(DEADLINE):
        while "meet" not in texts(listener):
            say(hub, project_id, "meet")
            await asyncio.sleep(0.02)
    await other.leave(listener)
