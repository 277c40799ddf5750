"""The clock of the service: timezone-aware datetimes in UTC."""

from datetime import UTC, datetime


def utc_now() -> datetime:
    return datetime.now(UTC)
