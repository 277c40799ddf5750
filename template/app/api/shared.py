"""What the processes of the service share through Redis, and how routes ask for it."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from functools import partial
from typing import Annotated

from fastapi import Depends, FastAPI, Request
from redis.asyncio import Redis
from redis.exceptions import RedisError

from app.api.health import CHECK_SECONDS
from app.core.config import Settings
from app.core.errors import Unavailable
from app.core.redis import SharedRedis, open_redis
from app.services.organization_cache import OrganizationCache


@asynccontextmanager
async def open_shared(app: FastAPI) -> AsyncGenerator[SharedRedis]:
    settings: Settings = app.state.settings
    async with open_redis(settings) as redis:
        app.state.redis = redis.client
        app.state.organization_cache = OrganizationCache(redis)
        app.state.database.watch(app.state.organization_cache.drop_changed)
        app.state.probes.append(partial(check_redis, redis.client))
        yield redis


async def check_redis(client: Redis) -> None:
    try:
        async with asyncio.timeout(CHECK_SECONDS):
            await client.ping()
    except (RedisError, TimeoutError) as error:
        raise Unavailable("Redis does not answer") from error


async def get_organization_cache(request: Request) -> OrganizationCache:
    cache: OrganizationCache = request.app.state.organization_cache
    return cache


CachedOrganizations = Annotated[OrganizationCache, Depends(get_organization_cache)]
