"""A process of the worker: one event loop for all its tasks, as its connections belong to it."""

from asyncio import Runner, timeout
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

import structlog
from celery import Celery
from celery.exceptions import Ignore, Reject
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import ExponentialBackoff
from redis.exceptions import RedisError

from app.core.config import Settings
from app.core.errors import Unavailable
from app.core.redis import open_redis
from app.db.changes import WatchedDatabase, open_database
from app.services.organization_cache import OrganizationCache
from app.tasks.celery import ANSWER_SECONDS, CONNECT_SECONDS, publish
from app.tasks.celery_retries import pause, worth_another_try
from app.tasks.queue import Job, Task

logger = structlog.stdlib.get_logger(__name__)

CLEANUP_SHARE = 0.1  # of TASK_TIME_LIMIT, left to a task that is told to stop
REMEMBERED_SECONDS = 86_400
RUNNING, ENDED = "running", "ended"


@dataclass(frozen=True)
class Message:
    task: Task[...]
    job_id: str
    failures: int
    args: list[Any]
    kwargs: dict[str, Any]


class Process:
    def __init__(self, settings: Settings, celery: Celery) -> None:
        self._settings = settings
        self._celery = celery
        self._runner = Runner()
        self._resources = AsyncExitStack()
        self._redis: Redis
        self._database: WatchedDatabase

    def open(self, **_: Any) -> None:
        self._runner.run(self._open())

    def close(self, **_: Any) -> None:
        self._runner.run(self._resources.aclose())
        self._runner.close()

    def run(self, message: Message) -> None:
        """Raises Reject for a message that must come again, Ignore unless the task succeeded."""
        self._runner.run(self._run(message))

    async def _open(self) -> None:
        enter = self._resources.enter_async_context
        self._database = await enter(open_database(self._settings))
        redis = await enter(open_redis(self._settings))
        self._database.watch(OrganizationCache(self._settings, redis).drop_changed)
        self._redis = await enter(open_broker(self._settings))

    async def _run(self, message: Message) -> None:
        name, job_id = message.task.__name__, message.job_id
        with structlog.contextvars.bound_contextvars(task=name, job_id=job_id):
            try:
                await self._run_once(message)
            except (RedisError, Unavailable) as error:
                logger.warning("task_delayed", error=repr(error))
                raise Reject(error, requeue=True) from None

    async def _run_once(self, message: Message) -> None:
        """Redis may deliver a message twice: at the same time, or when its task has ended."""
        issuer, limit = self._settings.JWT_ISSUER, self._settings.TASK_TIME_LIMIT
        key = f"{issuer}:task:{message.job_id}:{message.failures}"
        if not await self._redis.set(key, RUNNING, nx=True, ex=limit):
            if await self._redis.get(key) == RUNNING:
                # Its process may have been killed: look again when it must have ended.
                self._publish(message, message.failures, delay=limit)
            raise Ignore
        succeeded = await self._try(message)
        await self._redis.set(key, ENDED, ex=REMEMBERED_SECONDS)
        if not succeeded:
            raise Ignore

    async def _try(self, message: Message) -> bool:
        job = Job(message.job_id, self._settings, self._database)
        try:
            async with timeout(self._settings.TASK_TIME_LIMIT * (1 - CLEANUP_SHARE)):
                await message.task(job, *message.args, **message.kwargs)
        except Exception as error:
            failures = message.failures + 1
            if worth_another_try(self._settings, failures):
                self._publish(message, failures, delay=pause(self._settings, failures))
                logger.warning("task_retried", failures=failures, error=repr(error))
            else:
                logger.exception("task_failed", tries=failures)
            return False
        return True

    def _publish(self, message: Message, failures: int, *, delay: float) -> None:
        publish(
            self._celery,
            message.task,
            message.job_id,
            message.args,
            message.kwargs,
            retries=failures,
            countdown=delay,
        )


def open_broker(settings: Settings) -> Redis:
    """Waits some seconds for a restart of Redis: an end that is not noted is done again."""
    return Redis.from_url(
        settings.CELERY_BROKER_URL,
        decode_responses=True,
        retry=Retry(ExponentialBackoff(cap=2, base=0.1), retries=8),
        socket_connect_timeout=CONNECT_SECONDS,
        socket_timeout=ANSWER_SECONDS,
    )
