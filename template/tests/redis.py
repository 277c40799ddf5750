"""Redis for the tests: a private server, or the one of `TEST_REDIS_URL`."""

import os
from collections.abc import Generator

import pytest

from app.cli.redis import private_redis


@pytest.fixture(scope="session", autouse=True)
def redis_url() -> Generator[str]:
    """What every service under test finds in its environment."""
    with private_redis() as url, pytest.MonkeyPatch.context() as patch:
        patch.setenv("REDIS_URL", os.environ.get("TEST_REDIS_URL", url))
        yield url
