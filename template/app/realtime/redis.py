"""The broker of a service that runs in several processes, which share one Redis.

While Redis is unavailable, each process serves its own connections; afterwards they sync again.
"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from typing import Literal
from uuid import UUID

from pydantic import BaseModel
from redis.asyncio import Redis

from app.core.config import Settings
from app.core.redis import SharedRedis
from app.db.changes import WatchedDatabase
from app.realtime.broker import Broker, HubMessage, Presence
from app.realtime.hub import Hub
from app.realtime.redis_channel import RedisChannel
from app.realtime.start import start_hub

SYNC_SECONDS = 20
EXPIRY_SECONDS = 60
WAIT_SECONDS = 1  # at most, at startup and at shutdown

# Expiry follows the server's clock: those of the processes may differ.
EXCHANGE = """
local time = redis.call("TIME")
local now = time[1] + time[2] / 1000000
for entry = 3, #ARGV do
    if ARGV[1] == "add" then
        redis.call("ZADD", KEYS[1], now + ARGV[2], ARGV[entry])
    else
        redis.call("ZREM", KEYS[1], ARGV[entry])
    end
end
redis.call("ZREMRANGEBYSCORE", KEYS[1], "-inf", now)
redis.call("EXPIRE", KEYS[1], ARGV[2])
return redis.call("ZRANGE", KEYS[1], 0, -1)
"""

Verb = Literal["add", "remove"]


class Entry(BaseModel):
    process: UUID
    user_id: UUID
    name: str


class RedisPresence:
    """A sorted set of entries per room, scored by expiry, so that a dead process's expire."""

    def __init__(self, redis: Redis, namespace: str, process: UUID) -> None:
        self._script = redis.register_script(EXCHANGE)
        self._namespace = namespace
        self._process = process

    async def exchange(self, project_id: UUID, users: Presence, verb: Verb = "add") -> Presence:
        """Remove the users, or add them and extend their expiry; return the others'."""
        entries = [
            Entry(process=self._process, user_id=user_id, name=name).model_dump_json()
            for user_id, name in users.items()
        ]
        key = f"{self._namespace}:room:{project_id}"
        remote: Presence = {}
        for text in await self._script(keys=[key], args=[verb, EXPIRY_SECONDS, *entries]):
            with suppress(ValueError):  # not written by this service
                entry = Entry.model_validate_json(text)
                if entry.process != self._process:
                    remote[entry.user_id] = entry.name
        return remote


class RedisBroker(Broker):
    def __init__(self, redis: Redis, namespace: str) -> None:
        """`namespace` separates services that share a server."""
        self._channel = RedisChannel(redis, namespace, super().publish)
        self._presence = RedisPresence(redis, namespace, self._channel.process)

    def publish(self, message: HubMessage) -> None:
        """Deliver to this process immediately, even without Redis, and to the others later."""
        super().publish(message)
        self._channel.publish(message)

    async def join(self, project_id: UUID, user_id: UUID, name: str) -> Presence:
        return await self._exchange(project_id, {user_id: name}, "add")

    async def leave(self, project_id: UUID, user_id: UUID, name: str) -> Presence:
        return await self._exchange(project_id, {user_id: name}, "remove")

    async def _exchange(self, project_id: UUID, users: Presence, verb: Verb) -> Presence:
        if self._channel.connected.is_set():
            try:
                return await self._presence.exchange(project_id, users, verb)
            except Exception as error:
                self._channel.mark_disconnected(error)
        return {}

    @asynccontextmanager
    async def running(self, hub: Hub) -> AsyncGenerator[None]:
        """Start once the channel is connected, or after a second without Redis."""
        work = (self._channel.listen(), self._channel.send(), self._sync(hub))
        tasks = [asyncio.create_task(each) for each in work]
        with suppress(TimeoutError):
            async with asyncio.timeout(WAIT_SECONDS):
                await self._channel.connected.wait()
        try:
            yield
        finally:
            await self._stop(tasks)

    async def _stop(self, tasks: list[asyncio.Task[None]]) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(WAIT_SECONDS):
                await self._channel.flush()
        pending = set(tasks)
        while pending:  # a timeout in the client may swallow a cancellation (redis-py#2551)
            for task in pending:
                task.cancel()
            _, pending = await asyncio.wait(pending, timeout=WAIT_SECONDS)

    async def _sync(self, hub: Hub) -> None:
        """Sync presence regularly, which also keeps the users of this process from expiring."""
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(SYNC_SECONDS):
                    await self._channel.reconnected.wait()
            reconnected = self._channel.reconnected.is_set()
            self._channel.reconnected.clear()
            try:
                await self._sync_rooms(hub, reconnected=reconnected)
            except Exception as error:
                self._channel.mark_disconnected(error)

    async def _sync_rooms(self, hub: Hub, *, reconnected: bool) -> None:
        """Check access first: a revocation may be among the messages that were missed."""
        if reconnected:
            hub.recheck_all()
            self._channel.report_loss()
        for project_id in list(hub.rooms):
            if self._channel.connected.is_set():
                await hub.sync(project_id, self._presence.exchange, reconnected=reconnected)


@asynccontextmanager
async def open_hub(
    settings: Settings, database: WatchedDatabase, redis: SharedRedis
) -> AsyncGenerator[Hub]:
    broker = RedisBroker(redis.client, redis.name)
    hub = start_hub(settings, database, broker)
    async with broker.running(hub):
        yield hub
