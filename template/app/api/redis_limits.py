"""Rate limit counters in Redis, shared by all processes."""

from contextlib import suppress
from typing import Any

from limits.aio.storage import MemoryStorage, RedisStorage
from redis.exceptions import RedisError

from app.core.redis import SharedRedis


class RedisLimits(RedisStorage):
    """Count in `fallback` while Redis is unavailable: a quota per process rather than none."""

    def __init__(self, redis: SharedRedis, *, fallback: MemoryStorage) -> None:
        pool: dict[str, Any] = {"connection_pool": redis.client.connection_pool}
        prefix = f"{redis.name}:limits"
        super().__init__("async+redis://", implementation="redispy", key_prefix=prefix, **pool)
        self._redis = redis
        self._fallback = fallback

    async def acquire_sliding_window_entry(
        self, key: str, limit: int, expiry: int, amount: int = 1
    ) -> bool:
        try:
            with self._redis.attempt():
                return await super().acquire_sliding_window_entry(key, limit, expiry, amount)
        except RedisError:
            return await self._fallback.acquire_sliding_window_entry(key, limit, expiry, amount)

    async def get_sliding_window(self, key: str, expiry: int) -> tuple[int, float, int, float]:
        try:
            with self._redis.attempt():
                return await super().get_sliding_window(key, expiry)
        except RedisError:
            return await self._fallback.get_sliding_window(key, expiry)

    async def clear_sliding_window(self, key: str, expiry: int) -> None:
        await self._fallback.clear_sliding_window(key, expiry)
        with suppress(RedisError), self._redis.attempt():
            await super().clear_sliding_window(key, expiry)
