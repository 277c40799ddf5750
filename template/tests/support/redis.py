"""Redis for the tests: a private server, or databases on the server of `TEST_REDIS_URL`."""

import os
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import pytest
from redis import Redis
from redis.asyncio import BlockingConnectionPool
from redis.asyncio import Redis as AsyncRedis

from app.core import probe, redis
from development.redis import private_redis
from tests.support.waiting import PATIENCE

LIMITS = ("socket_timeout", "socket_connect_timeout")
LONG: dict[str, Any] = dict.fromkeys(LIMITS, PATIENCE / 3)
"""Less than PATIENCE: a command sent just before its server stopped fails before the test."""
DOWN: set[int] = set()
"""The ports of servers that a test has killed or stopped."""


class PatientPool(BlockingConnectionPool):
    """A pool with the service's time limits only for a server that is down."""

    async def ensure_connection(self, connection: Any) -> None:
        own = self.connection_kwargs
        limits = own if own.get("port") in DOWN else LONG
        for limit in LIMITS:
            setattr(connection, limit, limits[limit])
        await super().ensure_connection(connection)


PATIENT = (
    (redis, "BlockingConnectionPool", PatientPool),
    (redis, "WAIT_SECONDS", PATIENCE),
    (probe, "PROBE_SECONDS", PATIENCE),
)
for module, name, patient in PATIENT:  # set here to hold in all processes of the tests
    setattr(module, name, patient)


def connect(url: str) -> AsyncRedis:
    """Return a client that reads and writes text."""
    return AsyncRedis.from_url(
        url, decode_responses=True, socket_timeout=PATIENCE, socket_connect_timeout=PATIENCE
    )


@pytest.fixture(scope="session", autouse=True)
def redis_url() -> Generator[str]:
    """Set `REDIS_URL` for every service under test."""
    given = os.environ.get("TEST_REDIS_URL")
    with (
        own_database(given) if given else private_redis() as url,
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setenv("REDIS_URL", url)
        yield url


@contextmanager
def own_database(server: str) -> Generator[str]:
    """Empty and yield a database: the URL's for the first pytest worker, then the next."""
    url = urlsplit(server)
    worker = os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")
    number = int(url.path.strip("/") or 0) + int(worker)
    own = url._replace(path=f"/{number}").geturl()
    with Redis.from_url(own, **LONG) as client:
        client.flushdb()
    yield own
