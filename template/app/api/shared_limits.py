"""Counters of the rate limits in Redis, so that all processes count together."""

from typing import Any

from limits.aio.storage import MemoryStorage, RedisStorage
from redis.asyncio import Redis


class SharedStorage(RedisStorage):
    """Counts in `fallback` while Redis does not answer."""

    def __init__(self, redis: Redis, *, fallback: MemoryStorage) -> None:
        pool: dict[str, Any] = {"connection_pool": redis.connection_pool}
        super().__init__("async+redis://", implementation="redispy", **pool)
        self._fallback = fallback
