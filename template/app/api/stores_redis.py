"""Stores in Redis, shared by all processes of the service."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from limits.aio.storage import MemoryStorage

from app.api.redis_limits import RedisLimits
from app.api.resources import Stores
from app.core.config import Settings
from app.core.redis import SharedRedis, open_redis
from app.db.changes import WatchedDatabase
from app.services.organization_cache import OrganizationCache


@dataclass(frozen=True, kw_only=True)
class RedisStores(Stores):
    redis: SharedRedis


@asynccontextmanager
async def open_stores(settings: Settings, database: WatchedDatabase) -> AsyncGenerator[RedisStores]:
    async with open_redis(settings) as redis:
        cache = OrganizationCache(redis)
        database.watch(cache.drop_changed)
        yield RedisStores(
            redis=redis,
            counters=RedisLimits(redis, fallback=MemoryStorage()),
            organization_details=cache.details,
            probes=(redis.check,),
        )
