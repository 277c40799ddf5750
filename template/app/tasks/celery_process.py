"""A process of the worker: one event loop for all its tasks, as its connections belong to it."""

from asyncio import Runner, timeout
from contextlib import AsyncExitStack
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
from app.tasks.celery import ANSWER_SECONDS, CONNECT_SECONDS
from app.tasks.celery_retries import Message, publish_again, retry
from app.tasks.queue import Job

logger = structlog.stdlib.get_logger(__name__)

CLEANUP_SHARE = 0.1  # of TASK_TIME_LIMIT, left to a task that is told to stop
REMEMBERED_SECONDS = 86_400
RUNNING, ENDED = "running", "ended"


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
        self._database.watch(OrganizationCache(redis).drop_changed)
        self._redis = await enter(open_broker(self._settings))

    async def _run(self, message: Message) -> None:
        with message.named_in_the_log():
            try:
                await self._run_once(message)
            except (RedisError, Unavailable) as error:
                # Without its message: old servers quote the command, AUTH too.
                reason = type(error).__name__
                logger.warning("task_delayed", error=reason)
                raise Reject(reason, requeue=True) from None

    async def _run_once(self, message: Message) -> None:
        """Redis may deliver a message twice: at the same time, or when its task has ended."""
        issuer, limit = self._settings.JWT_ISSUER, self._settings.TASK_TIME_LIMIT
        key = f"{issuer}:task:{message.job_id}:{message.failures}"
        if not await self._redis.set(key, RUNNING, nx=True, ex=limit):
            if await self._redis.get(key) == RUNNING:
                # Its process may have been killed: look again when it must have ended.
                publish_again(self._celery, message, message.failures, delay=limit)
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
    """Waits some seconds for a restart of Redis: an end that is not noted is done again."""
    return Redis.from_url(
        settings.CELERY_BROKER_URL,
        decode_responses=True,
        retry=Retry(ExponentialBackoff(cap=2, base=0.1), retries=8),
        socket_connect_timeout=CONNECT_SECONDS,
        socket_timeout=ANSWER_SECONDS,
    )
