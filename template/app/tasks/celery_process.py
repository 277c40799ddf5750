"""A worker process: it runs one task at a time, all in the event loop of its connections."""

from asyncio import Runner, timeout
from contextlib import AbstractContextManager, AsyncExitStack
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
from app.tasks.backoff import Backoff
from app.tasks.celery import ANSWER_SECONDS, CONNECT_SECONDS, LONGEST_PAUSE_SECONDS, publish
from app.tasks.queue import Job, Task

logger = structlog.stdlib.get_logger(__name__)

# Tasks survive an outage of up to an hour, for example of the mail server.
BACKOFF = Backoff(LONGEST_PAUSE_SECONDS, give_up_after=3600)
CLEANUP_SHARE = 0.1  # of TASK_TIME_LIMIT: the time a cancelled task has before it is killed
REMEMBERED_SECONDS = 86_400
RUNNING, ENDED = "running", "ended"


@dataclass(frozen=True)
class Message:
    task: Task[...]
    job_id: str
    failures: int
    args: list[Any]
    kwargs: dict[str, Any]

    def log_context(self) -> AbstractContextManager[object]:
        return structlog.contextvars.bound_contextvars(task=self.task.name, job_id=self.job_id)


def retry(celery: Celery, message: Message, error: Exception) -> None:
    """Publish the task again as the same job, or give up. May raise Unavailable."""
    failures = message.failures + 1
    pause = BACKOFF.pause_after(failures)
    if pause is None:
        logger.error("task_failed", tries=failures, exc_info=error)
    else:
        republish(celery, message, failures, delay=pause)
        logger.warning("task_retried", failures=failures, error=repr(error))


def republish(celery: Celery, message: Message, failures: int, *, delay: float) -> None:
    publish(
        celery,
        message.task,
        message.job_id,
        message.args,
        message.kwargs,
        retries=failures,
        countdown=delay,
    )


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
        """Raise Reject to requeue the message, and Ignore unless the task succeeded."""
        self._runner.run(self._run(message))

    async def _open(self) -> None:
        enter = self._resources.enter_async_context
        self._database = await enter(open_database(self._settings))
        redis = await enter(open_redis(self._settings))
        self._database.watch(OrganizationCache(redis).drop_changed)
        self._redis = await enter(open_broker(self._settings))

    async def _run(self, message: Message) -> None:
        with message.log_context():
            try:
                await self._run_once(message)
            except (RedisError, Unavailable) as error:
                # Without its message: old Redis servers quote the command, including AUTH.
                reason = type(error).__name__
                logger.warning("task_delayed", error=reason)
                raise Reject(reason, requeue=True) from None

    async def _run_once(self, message: Message) -> None:
        """Skip a redelivery of a task that is running or has ended."""
        issuer, limit = self._settings.JWT_ISSUER, self._settings.TASK_TIME_LIMIT
        key = f"{issuer}:task:{message.job_id}:{message.failures}"
        if not await self._redis.set(key, RUNNING, nx=True, ex=limit):
            if await self._redis.get(key) == RUNNING:
                # Its process may have been killed: check again after the time limit.
                republish(self._celery, message, message.failures, delay=limit)
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
            retry(self._celery, message, error)
            return False
        return True


def open_broker(settings: Settings) -> Redis:
    """Wait a few seconds for Redis to restart: a task whose end is not recorded runs again."""
    return Redis.from_url(
        settings.CELERY_BROKER_URL,
        decode_responses=True,
        retry=Retry(ExponentialBackoff(cap=2, base=0.1), retries=8),
        socket_connect_timeout=CONNECT_SECONDS,
        socket_timeout=ANSWER_SECONDS,
    )
