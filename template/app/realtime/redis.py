"""The broker of a service that runs in several processes: Redis passes messages on to all hubs.

While Redis is away each process goes on alone; when it is back, the rooms catch up.
"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from uuid import UUID, uuid4

import structlog
from fastapi import FastAPI
from redis.asyncio import Redis
from redis.asyncio.client import PubSub
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError

from app.core.config import Settings
from app.realtime.broker import Receive, Roster
from app.realtime.hub import Hub
from app.realtime.redis_roster import RedisRoster
from app.realtime.start import start_hub

logger = structlog.stdlib.get_logger(__name__)

CATCH_UP_SECONDS = 20
PING_SECONDS = 5
RETRY_SECONDS = 0.5
WAIT_SECONDS = 1  # at most, at the start and at the end


class RedisBroker:
    def __init__(self, redis: Redis, name: str) -> None:
        """`name` sets apart the services that share a server."""
        database = redis.connection_pool.connection_kwargs.get("db", 0)  # a channel belongs to none
        self._channel = f"{name}:{database}:rooms"
        self._process = str(uuid4())
        self._redis = redis
        self._roster = RedisRoster(redis, name, self._process)
        self._unsent: asyncio.Queue[str] = asyncio.Queue(1000)
        self._listening = asyncio.Event()
        self._reunited = asyncio.Event()

    def attach(self, receive: Receive) -> None:
        self._receive = receive

    def publish(self, message: str) -> None:
        """Reaches the others a little later, in the same order, and at most once."""
        self._receive(message)
        with suppress(asyncio.QueueFull):
            self._unsent.put_nowait(f"{self._process} {message}")

    async def enter(self, room: UUID, user_id: UUID, name: str) -> Roster:
        if self._listening.is_set():
            with suppress(RedisError):
                return await self._roster.add(room, {user_id: name})
        return {}

    async def leave(self, room: UUID, user_id: UUID, name: str) -> Roster:
        if self._listening.is_set():
            with suppress(RedisError):
                return await self._roster.remove(room, {user_id: name})
        return {}

    @asynccontextmanager
    async def running(self, hub: Hub) -> AsyncGenerator[None]:
        """Begins once it listens, or without Redis after a second."""
        work = (self._listen(), self._send(), self._catch_up(hub))
        tasks = [asyncio.create_task(each) for each in work]
        with suppress(TimeoutError):
            async with asyncio.timeout(WAIT_SECONDS):
                await self._listening.wait()
        try:
            yield
        finally:
            await self._stop(tasks)

    async def _stop(self, tasks: list[asyncio.Task[None]]) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(WAIT_SECONDS):
                await self._unsent.join()
        pending = set(tasks)
        while pending:  # a cancellation that meets a timeout within the client can get lost
            for task in pending:
                task.cancel()
            _, pending = await asyncio.wait(pending, timeout=WAIT_SECONDS)

    async def _listen(self) -> None:
        while True:
            try:
                async with self._redis.pubsub() as pubsub:
                    await pubsub.subscribe(self._channel)
                    await self._hear(pubsub)
            except RedisError as error:
                if self._listening.is_set():
                    logger.warning("rooms_separated", error=type(error).__name__)
            self._listening.clear()
            await asyncio.sleep(RETRY_SECONDS)

    async def _hear(self, pubsub: PubSub) -> None:
        """Until the connection is lost, or Redis silent although it was pinged."""
        pinged = False
        while True:
            message = await pubsub.get_message(timeout=PING_SECONDS)
            if message is None:
                if pinged:
                    raise RedisConnectionError("Redis is silent")
                await pubsub.ping()
            elif message["type"] == "subscribe":
                self._listening.set()
                self._reunited.set()
            elif message["type"] == "message":
                self._hear_other(message["data"])
            pinged = message is None

    def _hear_other(self, data: str) -> None:
        process, _, message = data.partition(" ")
        if process != self._process:
            try:
                self._receive(message)
            except Exception:
                logger.exception("message_not_understood")

    async def _send(self) -> None:
        while True:
            message = await self._unsent.get()
            with suppress(RedisError):  # the listener tells the log
                await self._redis.publish(self._channel, message)
            self._unsent.task_done()

    async def _catch_up(self, hub: Hub) -> None:
        """Also keeps this process's users from expiring."""
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(CATCH_UP_SECONDS):
                    await self._reunited.wait()
            reunited = self._reunited.is_set()
            self._reunited.clear()
            with suppress(RedisError):
                for room_id in list(hub.rooms):
                    await hub.catch_up(room_id, self._roster.add, reunited=reunited)


@asynccontextmanager
async def open_hub(app: FastAPI) -> AsyncGenerator[None]:
    settings: Settings = app.state.settings
    broker = RedisBroker(app.state.redis, settings.JWT_ISSUER)
    app.state.hub = start_hub(settings, app.state.database, broker)
    async with broker.running(app.state.hub):
        yield
