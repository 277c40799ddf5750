"""Who is in which room, by way of which process: kept in Redis, where a dead process expires."""

import time
from uuid import UUID

from redis.asyncio import Redis

from app.realtime.broker import Roster

EXPIRY_SECONDS = 60


class RedisRoster:
    """For each room a sorted set, whose scores say until when an entry is valid."""

    def __init__(self, redis: Redis, name: str, process: str) -> None:
        self._redis = redis
        self._name = name
        self._process = process

    async def add(self, room: UUID, users: Roster) -> Roster:
        """Or makes their entries valid for longer; returns who is there by other processes."""
        return await self._exchange(room, add=users)

    async def remove(self, room: UUID, users: Roster) -> Roster:
        return await self._exchange(room, remove=users)

    async def _exchange(
        self, room: UUID, *, add: Roster | None = None, remove: Roster | None = None
    ) -> Roster:
        key = f"{self._name}:room:{room}"
        now = time.time()
        async with self._redis.pipeline() as pipe:
            if add:
                pipe.zadd(key, dict.fromkeys(self._entries(add), now + EXPIRY_SECONDS))
                pipe.expire(key, EXPIRY_SECONDS)
            if remove:
                pipe.zrem(key, *self._entries(remove))
            pipe.zremrangebyscore(key, "-inf", now)
            pipe.zrange(key, 0, -1)
            *_, entries = await pipe.execute()
        return self._elsewhere(entries)

    def _entries(self, users: Roster) -> list[str]:
        return [f"{self._process} {user_id} {name}" for user_id, name in users.items()]

    def _elsewhere(self, entries: list[str]) -> Roster:
        parts = [entry.split(" ", 2) for entry in entries]
        return {UUID(user_id): name for process, user_id, name in parts if process != self._process}
