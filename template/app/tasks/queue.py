"""Background work: a route enqueues a task, which starts once the transaction is committed."""

import json
from asyncio import CancelledError, sleep
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from itertools import count
from typing import Any, Concatenate, Generic, ParamSpec
from uuid import uuid4

import structlog
from starlette.background import BackgroundTasks

from app.core.config import Settings
from app.core.errors import Unavailable
from app.core.probe import Probe
from app.db.session import Database
from app.tasks.backoff import Backoff

logger = structlog.stdlib.get_logger(__name__)

# Retries occupy the process that serves requests, and end with it.
ON_ERROR = Backoff(longest=16, give_up_after=15)
ON_OUTAGE = Backoff(longest=16, give_up_after=300)

P = ParamSpec("P")


@dataclass(frozen=True)
class Job:
    """The first argument of every task; `id` stays the same when the task is retried."""

    id: str
    settings: Settings
    database: Database


@dataclass(frozen=True)
class Task(Generic[P]):
    """A function registered with `@task`; only these can be enqueued."""

    name: str
    function: Callable[Concatenate[Job, P], Awaitable[None]]

    async def __call__(self, job: Job, *args: P.args, **kwargs: P.kwargs) -> None:
        await self.function(job, *args, **kwargs)


TASKS: dict[str, Task[...]] = {}


def task(function: Callable[Concatenate[Job, P], Awaitable[None]]) -> Task[P]:
    """Register a function under its name, which must be unique.

    Queued messages carry the name: renaming a task loses those in the queue.
    """
    name = function.__name__
    if name in TASKS:
        raise ValueError(f"Two tasks are named {name}: rename one")
    registered = Task(name, function)
    TASKS[name] = registered
    return registered


Start = Callable[[Task[...], str, list[Any], dict[str, Any]], Awaitable[None]]
"""Start a task, here or in another process. It receives the job's id and the task's arguments."""


@dataclass(frozen=True)
class TaskRunner:
    start: Start
    probes: tuple[Probe, ...] = ()


class TaskQueue:
    """The tasks that a request enqueues. They are dropped if the request fails."""

    def __init__(self, background: BackgroundTasks, start: Start) -> None:
        self._background = background
        self._start = start

    def enqueue(self, task: Task[P], *args: P.args, **kwargs: P.kwargs) -> None:
        """Run the task after the response.

        Arguments must be JSON, such as ids and strings, because they may go to another process.
        """
        arguments = json.dumps([args, kwargs])
        self._background.add_task(_start_with_retries, self._start, task, str(uuid4()), arguments)


async def _start_with_retries(start: Start, task: Task[...], job_id: str, arguments: str) -> None:
    """Start the task. The last error is only logged, because the response has been sent."""
    args, kwargs = json.loads(arguments)
    log = logger.bind(task=task.name, job_id=job_id)
    try:
        for failures in count(1):
            try:
                await start(task, job_id, args, kwargs)
                return
            except Exception as error:
                backoff = ON_OUTAGE if isinstance(error, Unavailable) else ON_ERROR
                pause = backoff.pause_after(failures)
                if pause is None:
                    log.exception("task_failed", tries=failures)
                    return
                log.warning("task_retried", failures=failures, error=repr(error))
            await sleep(pause)
    except CancelledError:
        log.error("task_lost", reason="The service is shutting down")
        raise
