"""Hubs on one Redis, like those of several processes."""

from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from uuid import UUID

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from app.core import redis as client
from app.core.config import Settings
from app.core.redis import open_redis
from app.db.changes import WatchedDatabase
from app.realtime import hub, redis, redis_channel
from app.realtime.hub import Hub
from app.realtime.redis import RedisBroker
from app.realtime.start import start_hub
from tests.support import websocket_process
from tests.support.realtime import join, post, texts
from tests.support.waiting import NEVER, PATIENCE, PAUSE, eventually

Pair = tuple[Hub, Hub]


@pytest.fixture
def unhurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """A slow machine does not look like a hung Redis or a dead process."""
    monkeypatch.setattr(redis_channel, "PONG_SECONDS", PATIENCE)
    # Fires early without harm: it is one more attempt.
    monkeypatch.setattr(redis_channel, "RETRY_SECONDS", PAUSE)
    monkeypatch.setattr(redis, "SYNC_SECONDS", NEVER)
    monkeypatch.setattr(redis, "EXPIRY_SECONDS", int(NEVER))


@pytest.fixture
def pinging(unhurried: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let hubs ping Redis after every short silence."""
    # Fires early without harm: a late answer to a ping counts.
    monkeypatch.setattr(redis_channel, "PING_SECONDS", PAUSE)


@pytest.fixture
async def pair(
    unhurried: None, engine: AsyncEngine, redis_settings: Settings
) -> AsyncGenerator[Pair]:
    """Two hubs on the Redis of the module's `redis_settings`."""
    async with hub_on(redis_settings, engine) as here, hub_on(redis_settings, engine) as there:
        yield here, there


def run_unhurried(*arguments: str) -> None:
    """Run a command that waits for a slow Redis as long as it takes."""
    client.TIMEOUT_SECONDS = client.WAIT_SECONDS = redis.WAIT_SECONDS = int(PATIENCE)
    redis_channel.PONG_SECONDS = int(PATIENCE)
    hub.RECHECK_SECONDS = redis.SYNC_SECONDS = redis.EXPIRY_SECONDS = int(NEVER)
    websocket_process.run_unhurried(*arguments)


@asynccontextmanager
async def hub_on(settings: Settings, engine: AsyncEngine) -> AsyncGenerator[Hub]:
    """Yield a hub that listens."""
    async with open_redis(settings) as shared, AsyncExitStack() as stack:
        broker = RedisBroker(shared.client, settings.JWT_ISSUER)
        hub = start_hub(settings, WatchedDatabase(engine), broker)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(redis, "WAIT_SECONDS", PATIENCE)
            await stack.enter_async_context(broker.running(hub))
        yield hub


async def reaches(hub: Hub, other: Hub, project_id: UUID) -> None:
    """Return once a message to one hub arrives at the other."""
    listener = await join(other, project_id)

    def received() -> bool:
        post(hub, project_id, "hello")
        return "hello" in texts(listener)

    await eventually(received)
    await other.leave(listener)
