"""Limits on connections per process and user, and on messages per connection."""

from collections import Counter, deque
from collections.abc import Generator
from contextlib import contextmanager
from time import monotonic
from uuid import UUID

from limits import parse

from app.core.config import Settings
from app.core.errors import AppError, Unavailable


class TooManyConnections(AppError):
    status = 429


class ConnectionLimits:
    def __init__(self, settings: Settings) -> None:
        self._open: Counter[UUID] = Counter()
        self._max_total = settings.WEBSOCKET_MAX_CONNECTIONS
        self._max_per_user = settings.WEBSOCKET_MAX_PER_USER

    @contextmanager
    def reserve(self, user_id: UUID) -> Generator[None]:
        """Count one more connection of the user. Raise Unavailable or TooManyConnections."""
        if self._open.total() >= self._max_total:
            raise Unavailable("Too many connections; try again shortly")
        if self._open[user_id] >= self._max_per_user:
            raise TooManyConnections(f"At most {self._max_per_user} connections at a time")
        self._open[user_id] += 1
        try:
            yield
        finally:
            self._open[user_id] -= 1
            if not self._open[user_id]:
                del self._open[user_id]


class SlidingWindow:
    """A rate limit, such as `20/second`, for one connection."""

    def __init__(self, limit: str) -> None:
        parsed = parse(limit)
        self._seconds = parsed.get_expiry()
        self._hits: deque[float] = deque(maxlen=parsed.amount)

    def hit(self) -> bool:
        """Count one more hit if the limit allows it, and return whether it does."""
        now = monotonic()
        full = len(self._hits) == self._hits.maxlen
        if full and now - self._hits[0] < self._seconds:
            return False
        self._hits.append(now)
        return True
