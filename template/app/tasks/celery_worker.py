"""The worker, which passes tasks from Redis to its processes until a signal stops it."""

import logging
import os
import signal
from importlib import import_module
from pkgutil import walk_packages
from threading import Timer
from typing import Any
from warnings import filterwarnings

from celery import Celery, signals
from celery import Task as CeleryTask
from celery.exceptions import SecurityWarning, TimeLimitExceeded
from celery.worker.request import Request

from app import tasks
from app.core.config import Settings
from app.core.errors import Unavailable
from app.tasks.celery import create_celery
from app.tasks.celery_process import Message, Process, logger, retry
from app.tasks.queue import TASKS, Task

GRACE_SECONDS = 20  # for running tasks; a longer one is redelivered to another worker
LOST_PROCESSES = 1000  # until a task that kills its process each time is given up


def run_worker(settings: Settings, concurrency: int) -> int:
    """Return the exit code."""
    celery = create_celery(settings)
    process = Process(settings, celery)
    import_tasks()
    for task in TASKS.values():
        register(settings, celery, process, task)
    signals.setup_logging.connect(keep_logging)
    signals.worker_process_init.connect(process.open)
    signals.worker_process_shutdown.connect(process.close)
    signals.worker_shutting_down.connect(limit_shutdown)
    # It warns root about pickled messages, which `accept_content` rejects.
    filterwarnings("ignore", category=SecurityWarning)
    worker = celery.Worker(
        concurrency=concurrency,
        pool="prefork",
        quiet=True,
        without_gossip=True,
        without_heartbeat=True,
        without_mingle=True,
    )
    worker.start()
    return worker.exitcode or 0


def import_tasks() -> None:
    """Import the modules of `app.tasks`, so that each `@task` registers its function."""
    for module in walk_packages(tasks.__path__, f"{tasks.__name__}."):
        import_module(module.name)


def register(settings: Settings, celery: Celery, process: Process, task: Task[...]) -> None:
    @celery.task(
        name=task.name,
        bind=True,
        default_retry_delay=1,
        max_retries=LOST_PROCESSES,
        Request=request_class(settings, celery, task),
        typing=False,
    )
    def run(message: CeleryTask[..., None], *args: Any, **kwargs: Any) -> None:
        request = message.request
        process.run(Message(task, str(request.id), request.retries, list(args), kwargs))


def request_class(settings: Settings, celery: Celery, task: Task[...]) -> type[Request]:
    """Return a custom request (Celery's user guide, Tasks), which the worker's main process uses.

    A task that exceeds its time limit is killed, so its process cannot retry it. Celery 5.7 would
    acknowledge and forget it, or with `task_acks_on_timeout=False` requeue it without a pause.
    """

    class RetriedRequest(Request):
        def on_failure(self, exc_info: Any, *args: Any, **kwargs: Any) -> None:
            if issubclass(exc_info.type, TimeLimitExceeded):
                self._retry(TimeLimitExceeded(settings.TASK_TIME_LIMIT))
            super().on_failure(exc_info, *args, **kwargs)

        def _retry(self, error: Exception) -> None:
            retries = self.request_dict["retries"]
            message = Message(task, self.id, retries, self.args, self.kwargs)
            with message.log_context():
                try:
                    retry(celery, message, error)
                except Unavailable as unavailable:
                    logger.warning("task_delayed", error=repr(unavailable))
                    self.reject(requeue=True)

    return RetriedRequest


def keep_logging(**_: Any) -> None:
    """Keep our logging setup, and show billiard's log: billiard 4.3 turns `propagate` off."""
    logging.getLogger("multiprocessing").propagate = True


def limit_shutdown(**_: Any) -> None:
    """Limit the shutdown: on SIGTERM, Celery waits indefinitely for running tasks."""
    timer = Timer(GRACE_SECONDS, os.kill, (os.getpid(), signal.SIGQUIT))
    timer.daemon = True
    timer.start()
