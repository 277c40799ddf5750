"""Frozen clocks: nothing expires while a slow machine works."""

from collections.abc import Generator
from datetime import UTC, datetime, timedelta

import pytest
from time_machine import Traveller, travel

from app.core.clock import utc_now


@pytest.fixture
def clock() -> Generator[Traveller]:
    """Freeze time inside a rate limit's window, five minutes after an hour began."""
    with travel(datetime(2030, 1, 1, 0, 5, 0, 1, UTC), tick=False) as clock:
        yield clock


def later(seconds: float = 0, *, days: int = 0) -> travel:
    return travel(utc_now() + timedelta(days=days, seconds=seconds), tick=False)
