"""A process of the worker, in a thread of the tests: its loop is its own."""

import asyncio
from collections.abc import Callable, Generator
from uuid import uuid4

import pytest
from celery.exceptions import Ignore
from redis import Redis

from app.core.config import Settings
from app.tasks import celery_process
from app.tasks.celery import create_celery
from app.tasks.celery_process import Process
from app.tasks.celery_retries import Message
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


def message(task: Task[...]) -> Message:
    return Message(task, str(uuid4()), 0, [], {})


async def in_a_process(settings: Settings, work: Callable[[Process], None]) -> None:
    def live() -> None:
        process = Process(settings, create_celery(settings))
        process.open()
        try:
            work(process)
        finally:
            process.close()

    await asyncio.to_thread(live)


async def test_a_message_is_done_once_however_often_it_comes(own: Settings, redis: Redis) -> None:
    counting = message(celery_tasks.count_users)

    def work(process: Process) -> None:
        process.run(counting)
        with pytest.raises(Ignore):
            process.run(counting)

    await in_a_process(own, work)

    assert redis.llen(counting.job_id) == 1


async def test_a_failed_task_is_published_again(own: Settings, redis: Redis) -> None:
    failing = message(celery_tasks.fail_at_first)

    def work(process: Process) -> None:
        with pytest.raises(Ignore):
            process.run(failing)

    await in_a_process(own, work)

    assert redis.llen(f"{own.JWT_ISSUER}:{own.JWT_ISSUER}") == 1


async def test_a_message_whose_task_still_runs_comes_again(own: Settings, redis: Redis) -> None:
    running = message(celery_tasks.count_users)
    redis.set(f"{own.JWT_ISSUER}:task:{running.job_id}:0", "running")

    def work(process: Process) -> None:
        with pytest.raises(Ignore):
            process.run(running)

    await in_a_process(own, work)

    assert redis.llen(running.job_id) == 0
    assert redis.llen(f"{own.JWT_ISSUER}:{own.JWT_ISSUER}") == 1


async def test_a_task_that_takes_too_long_is_told_to_stop_and_tried_again(
    own: Settings, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    waiting = message(celery_tasks.wait_too_long)
    limits: list[float] = []

    def pass_at_once(seconds: float) -> asyncio.Timeout:
        limits.append(seconds)
        return asyncio.timeout(0)

    monkeypatch.setattr(celery_process, "timeout", pass_at_once)

    def work(process: Process) -> None:
        with pytest.raises(Ignore):
            process.run(waiting)

    await in_a_process(own, work)

    assert redis.lrange(waiting.job_id, 0, -1) == ["told to stop"]
    assert redis.llen(f"{own.JWT_ISSUER}:{own.JWT_ISSUER}") == 1
    assert [0 < limit < own.TASK_TIME_LIMIT for limit in limits] == [True]  # then it is killed
