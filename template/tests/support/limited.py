"""A service that counts requests in memory, so that a test can control the clock."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

from limits.aio.storage import MemoryStorage

from app.api.rate_limit import RateLimiter
from tests.conftest import settings_for
from tests.support.service import Service, running_with


@asynccontextmanager
async def running_limited(database_url: str, **limits: Any) -> AsyncGenerator[Service]:
    settings = settings_for(database_url, **{"RATE_LIMIT_ENABLED": True} | limits)
    async with running_with(settings) as service:
        limiter = RateLimiter(settings, MemoryStorage(), service.database)
        with service.replaced(limiter=limiter):
            yield service
