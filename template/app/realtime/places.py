"""How many sockets this process has: few enough for it, and few enough of each user."""

from collections import Counter
from collections.abc import Generator
from contextlib import contextmanager
from uuid import UUID

from app.core.config import Settings
from app.core.errors import AppError, Unavailable


class TooManySockets(AppError):
    status = 429


class Places:
    def __init__(self, settings: Settings) -> None:
        self._taken: Counter[UUID] = Counter()
        self._max_sockets = settings.WEBSOCKET_MAX_CONNECTIONS
        self._max_per_user = settings.WEBSOCKET_MAX_PER_USER

    @contextmanager
    def take(self, user_id: UUID) -> Generator[None]:
        """For one more socket of the user. Raises Unavailable or TooManySockets."""
        if self._taken.total() >= self._max_sockets:
            raise Unavailable("Too many connections; try again shortly")
        if self._taken[user_id] >= self._max_per_user:
            raise TooManySockets(f"At most {self._max_per_user} connections at a time")
        self._taken[user_id] += 1
        try:
            yield
        finally:
            self._taken[user_id] -= 1
            if not self._taken[user_id]:
                del self._taken[user_id]
