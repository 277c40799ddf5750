"""The queue for work after the response, which starts once the transaction is committed.

The work runs in this process: what still waits when the process ends is lost.
"""

import json
from asyncio import sleep
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from random import SystemRandom
from typing import Concatenate, ParamSpec
from uuid import uuid4

import structlog
from starlette.background import BackgroundTasks

from app.core.config import Settings

logger = structlog.stdlib.get_logger(__name__)

TRIES = 5

P = ParamSpec("P")


@dataclass(frozen=True)
class Job:
    """The first argument of every task; `id` stays the same when it is tried again."""

    id: str
    settings: Settings


Task = Callable[Concatenate[Job, P], Awaitable[None]]


class TaskQueue:
    """What a failed request has enqueued is dropped."""

    def __init__(self, background: BackgroundTasks, settings: Settings) -> None:
        self._background = background
        self._settings = settings

    def enqueue(self, task: Task[P], *args: P.args, **kwargs: P.kwargs) -> None:
        """Takes only values that JSON can carry to another process: ids and strings, never rows."""
        job = Job(str(uuid4()), self._settings)
        self._background.add_task(_run, task, job, json.dumps([args, kwargs]))


async def _run(task: Callable[..., Awaitable[None]], job: Job, values: str) -> None:
    """Tries again after about 1, 2, 4 and 8 seconds; the last error is only logged."""
    args, kwargs = json.loads(values)
    log = logger.bind(task=task.__name__, job_id=job.id)
    for failures in range(1, TRIES + 1):
        try:
            return await task(job, *args, **kwargs)
        except Exception as error:
            if failures == TRIES:
                log.exception("task_failed", tries=TRIES)
            else:
                log.warning("task_retried", failures=failures, error=repr(error))
                await sleep(2 ** (failures - 1) * SystemRandom().uniform(0.75, 1.25))
