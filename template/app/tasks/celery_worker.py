"""The worker: takes tasks from Redis and gives them to its processes, until it is told to stop."""

import logging
import os
import signal
from threading import Timer
from typing import Any
from warnings import filterwarnings

from celery import Celery, signals
from celery import Task as CeleryTask
from celery.exceptions import SecurityWarning

from app.core.config import Settings
from app.tasks.celery import TASKS, create_celery, task_name
from app.tasks.celery_process import Process
from app.tasks.celery_request import request_for
from app.tasks.celery_retries import Message
from app.tasks.queue import Task

GRACE_SECONDS = 20  # for tasks in progress; what takes longer is done by another worker
LOST_PROCESSES = 1000  # before a task that kills its process each time is given up


def run_worker(settings: Settings, concurrency: int) -> int:
    """Returns the exit code."""
    celery = create_celery(settings)
    process = Process(settings, celery)
    for task in TASKS:
        register(settings, celery, process, task)
    signals.setup_logging.connect(keep_logging)
    signals.worker_process_init.connect(process.open)
    signals.worker_process_shutdown.connect(process.close)
    signals.worker_shutting_down.connect(limit_shutdown)
    # It is a warning against pickled messages from strangers.
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


def register(settings: Settings, celery: Celery, process: Process, task: Task[...]) -> None:
    @celery.task(
        name=task_name(task),
        bind=True,
        default_retry_delay=1,
        max_retries=LOST_PROCESSES,
        Request=request_for(settings, celery, task),
        typing=False,
    )
    def run(message: CeleryTask[..., None], *args: Any, **kwargs: Any) -> None:
        request = message.request
        process.run(Message(task, str(request.id), request.retries, list(args), kwargs))


def keep_logging(**_: Any) -> None:
    """Celery sets up its own unless somebody listens, and its pool would log past ours."""
    logging.getLogger("multiprocessing").propagate = True


def limit_shutdown(**_: Any) -> None:
    """Celery would wait for as long as the tasks in progress take."""
    timer = Timer(GRACE_SECONDS, os.kill, (os.getpid(), signal.SIGQUIT))
    timer.daemon = True
    timer.start()
