"""Also asks, for readiness, the Redis that passes tasks to the workers, where it is another one."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from functools import partial

from fastapi import FastAPI

from app.api import shared
from app.core.config import Settings
from app.core.redis import SharedRedis, open_redis


@asynccontextmanager
async def open_shared(app: FastAPI) -> AsyncGenerator[SharedRedis]:
    settings: Settings = app.state.settings
    own = settings.model_copy(update={"REDIS_URL": settings.CELERY_BROKER_URL})
    async with shared.open_shared(app) as redis, open_redis(own) as broker:
        if own.REDIS_URL != settings.REDIS_URL:
            app.state.probes.append(partial(shared.check_redis, broker.client))
        yield redis
