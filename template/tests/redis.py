"""Redis for the tests: a private server, or databases of the one of `TEST_REDIS_URL`."""

import os
from collections.abc import Generator
from contextlib import contextmanager
from urllib.parse import urlsplit

import pytest
from redis import Redis

from app.cli.redis import private_redis


@pytest.fixture(scope="session", autouse=True)
def redis_url() -> Generator[str]:
    """What every service under test finds in its environment."""
    given = os.environ.get("TEST_REDIS_URL")
    with (
        own_database(given) if given else private_redis() as url,
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setenv("REDIS_URL", url)
        yield url


@contextmanager
def own_database(server: str) -> Generator[str]:
    """Emptied. The first worker of pytest gets the database of the URL, the next one the next."""
    url = urlsplit(server)
    worker = os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")
    number = int(url.path.strip("/") or 0) + int(worker)
    own = url._replace(path=f"/{number}").geturl()
    with Redis.from_url(own) as client:
        client.flushdb()
    yield own
