"""The queue for work after the response, which starts once the transaction is committed."""

import json
from asyncio import CancelledError, sleep
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from itertools import count
from random import SystemRandom
from typing import Any, Concatenate, ParamSpec
from uuid import uuid4

import structlog
from starlette.background import BackgroundTasks

from app.core.config import Settings
from app.core.errors import Unavailable
from app.db.session import Database

logger = structlog.stdlib.get_logger(__name__)

TRIES = 5
OUTAGE_TRIES = 24  # about five minutes, while what a task needs is away
LONGEST_PAUSE = 16

P = ParamSpec("P")


@dataclass(frozen=True)
class Job:
    """The first argument of every task; `id` stays the same when it is tried again."""

    id: str
    settings: Settings
    database: Database


Task = Callable[Concatenate[Job, P], Awaitable[None]]


Start = Callable[[Task[...], str, list[Any], dict[str, Any]], Awaitable[None]]
"""Starts a task with a job's id and the task's arguments, here or in another process."""


class TaskQueue:
    """What a failed request has enqueued is dropped."""

    def __init__(self, background: BackgroundTasks, start: Start) -> None:
        self._background = background
        self._start = start

    def enqueue(self, task: Task[P], *args: P.args, **kwargs: P.kwargs) -> None:
        """Takes only values that JSON can carry to another process: ids and strings, never rows."""
        values = json.dumps([args, kwargs])
        self._background.add_task(_persist, self._start, task, str(uuid4()), values)


async def _persist(start: Start, task: Task[...], job_id: str, values: str) -> None:
    """Tries again after about 1, 2, 4, 8, 16, 16... seconds; the last error is only logged."""
    args, kwargs = json.loads(values)
    log = logger.bind(task=task.__name__, job_id=job_id)
    try:
        for failures in count(1):
            try:
                await start(task, job_id, args, kwargs)
                return
            except Exception as error:
                if failures >= (OUTAGE_TRIES if isinstance(error, Unavailable) else TRIES):
                    log.exception("task_failed", tries=failures)
                    return
                log.warning("task_retried", failures=failures, error=repr(error))
            pause = min(2 ** (failures - 1), LONGEST_PAUSE)
            await sleep(pause * SystemRandom().uniform(0.75, 1.25))
    except CancelledError:
        log.error("task_lost", reason="The service was told to stop")
        raise
