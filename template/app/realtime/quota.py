"""How many messages a client may send: counted for each socket, in a sliding window."""

from collections import deque
from time import monotonic

from limits import parse


class Quota:
    def __init__(self, limit: str) -> None:
        parsed = parse(limit)
        self._window = parsed.get_expiry()
        self._latest: deque[float] = deque(maxlen=parsed.amount)

    def spend(self) -> bool:
        """Whether one more is allowed; if not, it does not count."""
        now = monotonic()
        full = len(self._latest) == self._latest.maxlen
        if full and now - self._latest[0] < self._window:
            return False
        self._latest.append(now)
        return True
