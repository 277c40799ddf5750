"""The broker of a service that runs in several processes: Redis passes messages on to all hubs.

While Redis is away each process goes on alone; when it is back, the rooms catch up.
"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from uuid import UUID

from fastapi import FastAPI
from redis.asyncio import Redis

from app.core.config import Settings
from app.realtime.broker import Receive, Roster
from app.realtime.hub import Hub
from app.realtime.redis_channel import RedisChannel
from app.realtime.redis_roster import RedisRoster
from app.realtime.start import start_hub

CATCH_UP_SECONDS = 20
WAIT_SECONDS = 1  # at most, at the start and at the end


class RedisBroker:
    def __init__(self, redis: Redis, name: str) -> None:
        """`name` sets apart the services that share a server."""
        self._channel = RedisChannel(redis, name)
        self._roster = RedisRoster(redis, name, self._channel.process)

    def attach(self, receive: Receive) -> None:
        self._receive = receive
        self._channel.attach(receive)

    def publish(self, message: str) -> None:
        """Reaches the others a little later, and those of this process even without Redis."""
        self._receive(message)
        self._channel.publish(message)

    async def enter(self, room: UUID, user_id: UUID, name: str) -> Roster:
        if self._channel.listening.is_set():
            try:
                return await self._roster.add(room, {user_id: name})
            except Exception as error:
                self._channel.separate(error)
        return {}

    async def leave(self, room: UUID, user_id: UUID, name: str) -> Roster:
        if self._channel.listening.is_set():
            try:
                return await self._roster.remove(room, {user_id: name})
            except Exception as error:
                self._channel.separate(error)
        return {}

    @asynccontextmanager
    async def running(self, hub: Hub) -> AsyncGenerator[None]:
        """Begins once it listens, or without Redis after a second."""
        work = (self._channel.listen(), self._channel.send(), self._catch_up(hub))
        tasks = [asyncio.create_task(each) for each in work]
        with suppress(TimeoutError):
            async with asyncio.timeout(WAIT_SECONDS):
                await self._channel.listening.wait()
        try:
            yield
        finally:
            await self._stop(tasks)

    async def _stop(self, tasks: list[asyncio.Task[None]]) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(WAIT_SECONDS):
                await self._channel.sent()
        pending = set(tasks)
        while pending:  # a cancellation that meets a timeout within the client can get lost
            for task in pending:
                task.cancel()
            _, pending = await asyncio.wait(pending, timeout=WAIT_SECONDS)

    async def _catch_up(self, hub: Hub) -> None:
        """Also keeps this process's users from expiring."""
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(CATCH_UP_SECONDS):
                    await self._channel.reunited.wait()
            reunited = self._channel.reunited.is_set()
            self._channel.reunited.clear()
            try:
                await self._meet_others(hub, reunited=reunited)
            except Exception as error:
                self._channel.separate(error)

    async def _meet_others(self, hub: Hub, *, reunited: bool) -> None:
        """Rights first: one that was taken away may be among what was missed."""
        if reunited:
            hub.recheck_all()
            self._channel.admit_loss()
        for room_id in list(hub.rooms):
            if self._channel.listening.is_set():
                await hub.catch_up(room_id, self._roster.add, reunited=reunited)


@asynccontextmanager
async def open_hub(app: FastAPI) -> AsyncGenerator[None]:
    settings: Settings = app.state.settings
    broker = RedisBroker(app.state.redis, settings.JWT_ISSUER)
    app.state.hub = start_hub(settings, app.state.database, broker)
    async with broker.running(app.state.hub):
        yield
