"""Tasks run in worker processes, which receive them from Celery through Redis."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from ssl import CERT_REQUIRED
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, quote, urlsplit

from app.core.config import Settings
from app.core.errors import Unavailable
from app.core.redis import open_redis
from app.db.session import Database
from app.tasks.queue import Task, TaskRunner

if TYPE_CHECKING:
    from celery import Celery

CONNECT_SECONDS = 1.0
ANSWER_SECONDS = 2.0  # more than the second for which a worker's BRPOP blocks
RESTORE_SECONDS = 10.0
LONGEST_PAUSE_SECONDS = 120
"""The longest pause before a retry, plus or minus a quarter."""


@asynccontextmanager
async def open_tasks(settings: Settings, database: Database) -> AsyncGenerator[TaskRunner]:
    celery: Celery | None = None
    creating = asyncio.Lock()
    broker = settings.CELERY_BROKER_URL

    async def start(task: Task[...], job_id: str, args: list[Any], kwargs: dict[str, Any]) -> None:
        nonlocal celery
        if not task.function.__module__.startswith(f"{__package__}."):
            raise LookupError(f"No worker imports {task.name}: move it into {__package__}")
        # In a thread, because Celery is slow to import and its client blocks.
        async with creating:
            if not celery:
                celery = await asyncio.to_thread(create_celery, settings)
        await asyncio.to_thread(publish, celery, task, job_id, args, kwargs)

    try:
        async with open_redis(settings.model_copy(update={"REDIS_URL": broker})) as redis:
            # A broker that is the service's own Redis is probed already.
            yield TaskRunner(start, () if broker == settings.REDIS_URL else (redis.check,))
    finally:
        if celery:
            await asyncio.to_thread(celery.close)


def publish(
    celery: "Celery",
    task: Task[...],
    job_id: str,
    args: list[Any],
    kwargs: dict[str, Any],
    **options: Any,
) -> None:
    """Raise Unavailable if Redis does not accept the message."""
    from kombu.exceptions import OperationalError

    try:
        celery.send_task(task.name, args, kwargs, task_id=job_id, **options)
    except OperationalError as error:
        # Without its message: old Redis servers quote the command, including AUTH.
        reason = type(error.__cause__ or error).__name__
        raise Unavailable(f"Redis did not accept the task: {reason}") from None


def create_celery(settings: Settings) -> "Celery":
    """Create a client whose keys begin with the issuer, because services may share a Redis."""
    from celery import Celery

    celery = Celery(settings.JWT_ISSUER, set_as_current=False)
    url = settings.CELERY_BROKER_URL
    if url.startswith("rediss:"):
        celery.conf.broker_use_ssl = {"ssl_cert_reqs": CERT_REQUIRED}
    celery.conf.update(
        # Celery also reads CELERY_BROKER_URL itself, but these two take precedence.
        broker_read_url=broker_url(url),
        broker_write_url=broker_url(url),
        broker_connection_max_retries=None,
        broker_connection_retry_on_startup=True,
        broker_connection_timeout=CONNECT_SECONDS,
        broker_transport_options={
            "max_retries": 0,  # the queue retries
            "global_keyprefix": f"{settings.JWT_ISSUER}:",
            "socket_connect_timeout": CONNECT_SECONDS,
            "socket_timeout": ANSWER_SECONDS,
            "unacked_restore_interval": RESTORE_SECONDS,
            "unacked_restore_throttle": 1,
            "visibility_timeout": redelivery_seconds(settings),
        },
        accept_content=["json"],
        task_serializer="json",
        task_default_queue=settings.JWT_ISSUER,
        task_ignore_result=True,
        task_publish_retry=False,
        # A message stays in Redis until its task has ended, even if its worker is killed.
        task_acks_late=True,
        task_reject_on_worker_lost=True,
        task_retry_on_worker_lost=True,
        task_time_limit=settings.TASK_TIME_LIMIT,
        worker_prefetch_multiplier=1,
        worker_enable_remote_control=False,
    )
    return celery


def redelivery_seconds(settings: Settings) -> int:
    """Return the seconds until the message of a vanished worker is redelivered.

    A worker holds a message during the pause and the task, so both must have ended by then.
    """
    return settings.TASK_TIME_LIMIT + 2 * LONGEST_PAUSE_SECONDS


def broker_url(url: str) -> str:
    """Convert the URL for Celery, whose Unix socket URLs differ from those of redis-py."""
    if not url.startswith("unix:"):
        return url
    parts = urlsplit(url)
    options = dict(parse_qsl(parts.query))
    password = parts.password or quote(options.get("password", ""), safe="")
    login = f"{parts.username or ''}:{password}"
    return f"redis+socket://{login}@{parts.path}?virtual_host={options.get('db', '0')}"
