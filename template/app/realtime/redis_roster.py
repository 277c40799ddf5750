"""Who is in which room, by way of which process: kept in Redis, where a dead process expires."""

from contextlib import suppress
from uuid import UUID

from redis.asyncio import Redis

from app.realtime.broker import Roster

EXPIRY_SECONDS = 60

# By the server's clock: those of the processes may differ.
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


class RedisRoster:
    """For each room a sorted set, whose scores say until when an entry is valid."""

    def __init__(self, redis: Redis, name: str, process: str) -> None:
        self._exchange = redis.register_script(EXCHANGE)
        self._name = name
        self._process = process

    async def add(self, room: UUID, users: Roster) -> Roster:
        """Or makes their entries valid for longer; returns who is there by other processes."""
        return await self._tell(room, "add", users)

    async def remove(self, room: UUID, users: Roster) -> Roster:
        return await self._tell(room, "remove", users)

    async def _tell(self, room: UUID, verb: str, users: Roster) -> Roster:
        entries = [f"{self._process} {user_id} {name}" for user_id, name in users.items()]
        key = f"{self._name}:room:{room}"
        return self._elsewhere(
            await self._exchange(keys=[key], args=[verb, EXPIRY_SECONDS, *entries])
        )

    def _elsewhere(self, entries: list[str]) -> Roster:
        roster: Roster = {}
        for entry in entries:
            with suppress(ValueError):  # not written by this service
                process, user_id, name = entry.split(" ", 2)
                if process != self._process:
                    roster[UUID(user_id)] = name
        return roster
