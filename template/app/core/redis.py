"""The client for Redis, which holds what the processes of the service share."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError

from app.core.config import Settings

TIMEOUT_SECONDS = 0.5


@asynccontextmanager
async def open_redis(settings: Settings) -> AsyncGenerator[Redis]:
    """Connects on first use, so the service starts, and reports not ready, without Redis."""
    redis = Redis.from_url(
        settings.REDIS_URL,
        decode_responses=True,
        # A connection that a restart of Redis has closed is replaced at once.
        retry=Retry(NoBackoff(), 1, supported_errors=(RedisConnectionError,)),
        socket_connect_timeout=TIMEOUT_SECONDS,
        socket_timeout=TIMEOUT_SECONDS,
    )
    async with redis:
        yield redis
