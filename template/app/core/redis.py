"""Redis, shared by the processes of the service: used while it responds, never required."""

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
"""The wait for a free connection: a burst of commands is not an outage."""

logger = structlog.stdlib.get_logger(__name__)


class SharedRedis:
    """A client that skips Redis for a moment after a command has failed."""

    def __init__(self, client: Redis, name: str) -> None:
        self.client = client
        self.name = name
        """The prefix of every key, because services may share a server."""
        self._lost = False
        self._next_try = 0.0

    async def check(self) -> None:
        """Probe readiness: raise Unavailable if Redis is not responding."""
        async with probing("Redis is not responding", RedisError):
            await self.client.ping()

    @contextmanager
    def attempt(self) -> Generator[None]:
        """Run a block of commands. For a moment after a failure, other blocks fail immediately.

        Then one caller tries again, so that few requests wait for a hung server.
        Raise RedisError.
        """
        if self._lost:
            if monotonic() < self._next_try:
                raise RedisConnectionError("Redis did not respond a moment ago")
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
            # Without its message: old servers quote the command, including AUTH.
            logger.error("redis_unavailable", error=type(error).__name__)

    def _regain(self) -> None:
        if self._lost:
            self._lost = False
            logger.info("redis_recovered")


@asynccontextmanager
async def open_redis(settings: Settings) -> AsyncGenerator[SharedRedis]:
    """Connect on first use: without Redis, the service starts and reports not ready."""
    pool = BlockingConnectionPool.from_url(
        settings.REDIS_URL,
        decode_responses=True,
        encoding_errors="replace",  # other programs may have written to our keys
        # Immediately replace a connection that a restart of Redis has closed.
        retry=Retry(NoBackoff(), 1, supported_errors=(RedisConnectionError,)),
        socket_connect_timeout=TIMEOUT_SECONDS,
        socket_timeout=TIMEOUT_SECONDS,
        max_connections=CONNECTIONS,
        timeout=WAIT_SECONDS,
    )
    async with Redis.from_pool(pool) as client:
        yield SharedRedis(client, settings.JWT_ISSUER)
