"""Redis, which the processes of the service share: useful while it answers, never needed."""

from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager
from time import monotonic

import structlog
from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError

from app.core.config import Settings
from app.core.probe import probing

TIMEOUT_SECONDS = 1
PAUSE_SECONDS = 1
CONNECTIONS = 20
WAIT_SECONDS = 2
"""For one of the connections to become free: many commands at once are no outage."""

logger = structlog.stdlib.get_logger(__name__)


class SharedRedis:
    """The client, and whether it is worth asking now."""

    def __init__(self, client: Redis, name: str) -> None:
        self.client = client
        self.name = name
        """Begins every key, because services may share a server."""
        self._lost = False
        self._next_try = 0.0

    async def check(self) -> None:
        """Raises Unavailable; for readiness."""
        async with probing("Redis does not answer", RedisError):
            await self.client.ping()

    @contextmanager
    def attempt(self) -> Generator[None]:
        """For commands in its block: after one that failed, the others fail at once for a moment.

        Then one caller tries again, so that few requests wait for a server that hangs.
        Raises RedisError.
        """
        if self._lost:
            if monotonic() < self._next_try:
                raise RedisConnectionError("Redis did not answer a moment ago")
            self._next_try = monotonic() + PAUSE_SECONDS
        try:
            yield
        except RedisError as error:
            self._lose(error)
            raise
        self._regain()

    def _lose(self, error: RedisError) -> None:
        self._next_try = monotonic() + PAUSE_SECONDS
        if not self._lost:
            self._lost = True
            # Without its message: old servers quote the command, AUTH too.
            logger.error("redis_lost", error=type(error).__name__)

    def _regain(self) -> None:
        if self._lost:
            self._lost = False
            logger.info("redis_back")


@asynccontextmanager
async def open_redis(settings: Settings) -> AsyncGenerator[SharedRedis]:
    """Connects on first use, so the service starts, and reports not ready, without Redis."""
    pool = BlockingConnectionPool.from_url(
        settings.REDIS_URL,
        decode_responses=True,
        encoding_errors="replace",  # what others may have written under our keys
        # A connection that a restart of Redis has closed is replaced at once.
        retry=Retry(NoBackoff(), 1, supported_errors=(RedisConnectionError,)),
        socket_connect_timeout=TIMEOUT_SECONDS,
        socket_timeout=TIMEOUT_SECONDS,
        max_connections=CONNECTIONS,
        timeout=WAIT_SECONDS,
    )
    async with Redis.from_pool(pool) as client:
        yield SharedRedis(client, settings.JWT_ISSUER)
