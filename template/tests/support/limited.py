"""A service that counts requests in memory, so that a test can control the clock."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from limits.aio.storage import MemoryStorage

from app.api import rate_limit
from app.api.rate_limit import Policy, RateLimiter
from tests.conftest import settings_for
from tests.support.service import Service, running_with


@asynccontextmanager
async def running_limited(
    database_url: str, quotas: dict[Policy, str] | None = None, **overrides: Any
) -> AsyncGenerator[Service]:
    """Yield a service with these settings and quotas."""
    settings = settings_for(database_url, **{"RATE_LIMIT_ENABLED": True} | overrides)
    all_quotas = rate_limit.quotas(settings) | (quotas or {})
    async with running_with(settings) as service:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(rate_limit, "quotas", lambda _: all_quotas)
            limiter = RateLimiter(settings, MemoryStorage(), service.database)
        with service.replaced(limiter=limiter):
            yield service
