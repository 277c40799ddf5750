"""When a failed task is retried, and when it is given up."""

from dataclasses import dataclass
from random import SystemRandom


@dataclass(frozen=True)
class Backoff:
    """Pauses of 1, 2, 4, 8... seconds up to `longest`, until they add up to `give_up_after`."""

    longest: float
    give_up_after: float

    def pause_after(self, failures: int) -> float | None:
        """Return the seconds until the next attempt, or None to give up.

        The jitter spreads out tasks that failed at the same time.
        """
        pauses = [min(2.0 ** min(n, 20), self.longest) for n in range(failures)]
        if sum(pauses[:-1]) >= self.give_up_after:
            return None
        return pauses[-1] * SystemRandom().uniform(0.75, 1.25)
