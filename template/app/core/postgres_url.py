"""Validate the database URL and convert it for SQLAlchemy."""

import re

from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

DRIVER = "postgresql+asyncpg"
EXAMPLE_URL = "postgresql://user:password@host:5432/name"
DEVELOPMENT_URL = ""
NUMBERS = r"\d{1,5}(,\d{1,5})*"
OPTIONS = {
    "host": ".+",
    "pgbouncer": "true|false",
    "port": NUMBERS,
    "prepared_statement_cache_size": NUMBERS,
    "ssl": "disable|allow|prefer|require|verify-ca|verify-full",
    "target_session_attrs": "any|primary|standby|read-write|read-only|prefer-standby",
}
MAX_PORT = 65_535


def with_driver(value: str) -> str:
    """Add the asyncio driver, which hosting platforms omit. Raise ValueError for a wrong URL."""
    try:
        url = make_url(value)
        (url.host or "").encode("idna")
        if (url.port or 0) > MAX_PORT:
            raise ValueError("no such port")
    except (ArgumentError, ValueError):
        # The error message may quote part of the password.
        raise ValueError(f"Use the format {EXAMPLE_URL}") from None
    if url.drivername not in {"postgres", "postgresql", DRIVER}:
        raise ValueError(f"Use a PostgreSQL URL: {EXAMPLE_URL}")
    if not url.database:
        raise ValueError(f"The URL must name a database: {EXAMPLE_URL}")
    if mode := url.query.get("sslmode"):  # libpq's name for the option `ssl` of asyncpg
        url = url.difference_update_query(["sslmode"]).update_query_dict({"ssl": mode})
    if unknown := sorted(url.query.keys() - OPTIONS.keys()):
        raise ValueError(f"asyncpg has no option {unknown[0]}: remove it")
    for name, values in url.normalized_query.items():
        if not all(re.fullmatch(OPTIONS[name], value) for value in values):
            raise ValueError(f"asyncpg does not accept this value of the option {name}")
    if url.query.get("pgbouncer") == "true":  # Prisma's name, for any pooler of transactions
        url = url.update_query_dict({"prepared_statement_cache_size": "0"})
    url = url.difference_update_query(["pgbouncer"])
    return url.set(drivername=DRIVER).render_as_string(hide_password=False)
