"""A service that counts requests by itself, so that a test may stop and turn its clock."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from functools import cache
from typing import Any

from fastapi import FastAPI
from limits.aio.storage import MemoryStorage

from app.api.rate_limit import RateLimiter
from app.db.dialect import EXAMPLE_URL
from app.main import create_app
from tests.conftest import settings_for
from tests.service import Service, running


@asynccontextmanager
async def running_limited(database_url: str, **limits: Any) -> AsyncGenerator[Service]:
    settings = settings_for(database_url, **{"RATE_LIMIT_ENABLED": True} | limits)
    app = _make_app()
    app.state.settings = settings
    async with running(app) as service:
        service.app.state.rate_limiter = RateLimiter(settings, MemoryStorage())
        yield service


@cache
def _make_app() -> FastAPI:
    """Once, as it takes longer than to start it."""
    return create_app(settings_for(EXAMPLE_URL))
