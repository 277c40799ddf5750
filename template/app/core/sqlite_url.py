"""Validate the database URL and convert it for SQLAlchemy."""

from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

DRIVER = "sqlite+aiosqlite"
EXAMPLE_URL = "sqlite:///./app.db"
DEVELOPMENT_URL = EXAMPLE_URL


def with_driver(value: str) -> str:
    """Add the asyncio driver. Raise ValueError for a wrong URL."""
    try:
        url = make_url(value)
    except (ArgumentError, ValueError):
        raise ValueError(f"Use the format {EXAMPLE_URL}") from None
    if url.drivername not in {"sqlite", DRIVER}:
        raise ValueError(f"Use an SQLite URL: {EXAMPLE_URL}")
    if url.database in {None, "", ":memory:"} or url.query.get("mode") == "memory":
        raise ValueError(f"The URL must name a file: {EXAMPLE_URL}")
    return url.set(drivername=DRIVER).render_as_string(hide_password=False)
