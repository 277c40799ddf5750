"""A failed task is tried again as the same job, after longer and longer pauses."""

from contextlib import AbstractContextManager
from dataclasses import dataclass
from random import SystemRandom
from typing import Any

import structlog
from celery import Celery

from app.tasks.celery import LONGEST_PAUSE_SECONDS, publish
from app.tasks.queue import Task

logger = structlog.stdlib.get_logger(__name__)

OUTAGE_SECONDS = 3600  # of a mail server, say, that no task should be lost to


@dataclass(frozen=True)
class Message:
    task: Task[...]
    job_id: str
    failures: int
    args: list[Any]
    kwargs: dict[str, Any]

    def named_in_the_log(self) -> AbstractContextManager[object]:
        return structlog.contextvars.bound_contextvars(task=self.task.__name__, job_id=self.job_id)


def retry(celery: Celery, message: Message, error: Exception) -> None:
    """Or gives it up. Raises Unavailable."""
    failures = message.failures + 1
    if worth_another_try(failures):
        publish_again(celery, message, failures, delay=pause(failures))
        logger.warning("task_retried", failures=failures, error=repr(error))
    else:
        logger.error("task_failed", tries=failures, exc_info=error)


def publish_again(celery: Celery, message: Message, failures: int, *, delay: float) -> None:
    publish(
        celery,
        message.task,
        message.job_id,
        message.args,
        message.kwargs,
        retries=failures,
        countdown=delay,
    )


def pause(failures: int) -> float:
    """Doubles, and differs from task to task, so that they do not all come back at once."""
    return _usual_pause(failures) * SystemRandom().uniform(0.75, 1.25)


def worth_another_try(failures: int) -> bool:
    waited = sum(_usual_pause(failure) for failure in range(1, failures))
    return waited < OUTAGE_SECONDS


def _usual_pause(failures: int) -> float:
    return min(2.0 ** min(failures - 1, 20), LONGEST_PAUSE_SECONDS)
