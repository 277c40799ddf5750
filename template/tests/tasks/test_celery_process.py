"""A worker process, run in a thread because it has its own event loop."""

import asyncio
from collections.abc import Generator
from itertools import count, takewhile
from uuid import uuid4

import pytest
from celery.exceptions import Ignore, TimeLimitExceeded
from redis import Redis
from structlog.testing import capture_logs

from app.core.config import Settings
from app.tasks import celery_process
from app.tasks.celery import create_celery, redelivery_seconds
from app.tasks.celery_process import BACKOFF, Message, Process, retry
from app.tasks.queue import Task
from tests.support import celery_tasks
from tests.support.celery_worker import settings_of_its_own
from tests.support.redis import LONG


@pytest.fixture
def own(settings: Settings) -> Settings:
    return settings_of_its_own(settings.DATABASE_URL)


@pytest.fixture
def redis(own: Settings) -> Generator[Redis]:
    with Redis.from_url(own.REDIS_URL, decode_responses=True, **LONG) as redis:
        yield redis


def message(task: Task[...], failures: int = 0) -> Message:
    return Message(task, str(uuid4()), failures, [], {})


async def run(settings: Settings, message: Message) -> bool:
    """Return whether the task succeeded."""

    def live() -> bool:
        process = Process(settings, create_celery(settings))
        process.open()
        try:
            process.run(message)
        except Ignore:
            return False
        finally:
            process.close()
        return True

    return await asyncio.to_thread(live)


def queued(settings: Settings, redis: Redis) -> int:
    return int(redis.llen(f"{settings.JWT_ISSUER}:{settings.JWT_ISSUER}"))


async def test_redelivery_of_a_running_task_is_delayed(own: Settings, redis: Redis) -> None:
    running = message(celery_tasks.count_users)
    redis.set(f"{own.JWT_ISSUER}:task:{running.job_id}:0", "running")

    assert not await run(own, running)

    assert redis.llen(running.job_id) == 0
    assert queued(own, redis) == 1


async def test_slow_task_is_cancelled_and_published_again(
    own: Settings, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    waiting = message(celery_tasks.wait_too_long)
    limits: list[float] = []

    def pass_at_once(seconds: float) -> asyncio.Timeout:
        limits.append(seconds)
        return asyncio.timeout(0)

    monkeypatch.setattr(celery_process, "timeout", pass_at_once)

    assert not await run(own, waiting)

    assert redis.lrange(waiting.job_id, 0, -1) == ["cancelled"]
    assert queued(own, redis) == 1
    assert [0 < limit < own.TASK_TIME_LIMIT for limit in limits] == [True]  # then it is killed


def test_task_is_given_up_after_an_hour(own: Settings) -> None:
    pauses = takewhile(bool, map(BACKOFF.pause_after, count(1)))
    assert 0.75 * 3600 < sum(filter(None, pauses)) < 1.5 * 3600

    with capture_logs() as log:
        retry(create_celery(own), message(celery_tasks.count_users, 9998), TimeLimitExceeded())

    assert [(entry["event"], entry["tries"]) for entry in log] == [("task_failed", 9999)]


def test_retry_ends_before_its_redelivery(settings: Settings) -> None:
    pauses = [BACKOFF.pause_after(failures) or 0 for failures in range(1, 50)]

    assert max(pauses) + settings.TASK_TIME_LIMIT < redelivery_seconds(settings)
