"""Validate the Redis URL and supply its default."""

import re
from typing import Annotated
from urllib.parse import parse_qs, urlsplit

from pydantic import AfterValidator, ValidationInfo
from redis.asyncio import ConnectionPool

from app.core.setting_types import HOST

EXAMPLE_URL = "redis://:password@host:6379/0"
DEVELOPMENT_URL = "redis://localhost:6379/0"
# Otherwise a password with / ? # or @ would be mistaken for a host, a path or a query.
SERVER = re.compile(
    rf"rediss?://([^/?#@]*@)?({HOST.pattern}|\[[0-9a-f:.]+\])(:[1-9][0-9]*)?(/[0-9]*)?(\?[^#]*)?",
    re.IGNORECASE,
)
SOCKET = re.compile(r"unix://([^/?#@]*@)?/[^?#]+(\?[^#]*)?")
OPTIONS = {
    "redis": set[str](),
    "rediss": {
        "ssl_ca_certs",
        "ssl_cert_reqs",
        "ssl_certfile",
        "ssl_check_hostname",
        "ssl_keyfile",
    },
    "unix": {"db", "password"},
}


def _redis_url(value: str, info: ValidationInfo) -> str:
    """Validate a URL. `REDIS_URL` is the default of every other one."""
    value = value or info.data.get("REDIS_URL", "")
    if not value and info.data.get("ENVIRONMENT", "development") == "development":
        value = DEVELOPMENT_URL
    if not value and info.field_name != "REDIS_URL":
        return value  # the message about REDIS_URL is enough
    if not value:
        raise ValueError(f"Set it to the URL of your Redis: {EXAMPLE_URL}")
    if not (SERVER.fullmatch(value) or SOCKET.fullmatch(value)):
        raise ValueError(f"Use the format {EXAMPLE_URL}, or rediss:// for TLS")
    try:
        ConnectionPool.from_url(value)
    except ValueError:
        raise ValueError(f"Use the format {EXAMPLE_URL}, or rediss:// for TLS") from None
    url = urlsplit(value)
    if unknown := sorted(parse_qs(url.query, keep_blank_values=True).keys() - OPTIONS[url.scheme]):
        raise ValueError(f"A {url.scheme}:// URL has no option {unknown[0]}: remove it")
    return value


RedisUrl = Annotated[str, AfterValidator(_redis_url)]
