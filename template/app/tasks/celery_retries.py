"""When a worker tries a failed task again."""

from random import SystemRandom

from app.core.config import Settings

OUTAGE_SECONDS = 3600  # of a mail server, say, that no task should be lost to


def pause(settings: Settings, failures: int) -> float:
    """Doubles, and differs from task to task, so that they do not all come back at once."""
    return _usual_pause(settings, failures) * SystemRandom().uniform(0.75, 1.25)


def worth_another_try(settings: Settings, failures: int) -> bool:
    waited = sum(_usual_pause(settings, failure) for failure in range(1, failures))
    return waited < OUTAGE_SECONDS


def _usual_pause(settings: Settings, failures: int) -> float:
    """A worker holds the message meanwhile: with its task it must end before the redelivery."""
    longest = (settings.TASK_REDELIVERY_SECONDS - settings.TASK_TIME_LIMIT) / 2
    return min(2.0 ** min(failures - 1, 20), longest)
