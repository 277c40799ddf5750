"""The URL of Redis: how it may be written, and what it is when none is given."""

from typing import Annotated

from pydantic import AfterValidator, ValidationInfo
from redis.asyncio import ConnectionPool

EXAMPLE_URL = "redis://:password@host:6379/0"
DEVELOPMENT_URL = "redis://localhost:6379/0"


def _redis_url(value: str, info: ValidationInfo) -> str:
    """A URL after `REDIS_URL` is the same one by default."""
    value = value or info.data.get("REDIS_URL", "")
    if not value and info.data.get("ENVIRONMENT", "development") == "development":
        value = DEVELOPMENT_URL
    if not value:
        raise ValueError(f"Set it to the URL of Redis: {EXAMPLE_URL}")
    try:
        ConnectionPool.from_url(value)
    except ValueError:
        raise ValueError(f"Write it as {EXAMPLE_URL}, or rediss:// for TLS") from None
    return value


RedisUrl = Annotated[str, AfterValidator(_redis_url)]
