"""A real worker in its own process, its messages and its output."""

import asyncio
import signal
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from pydantic import SecretStr
from redis.asyncio import Redis

from app.core.config import Settings
from app.tasks.celery import create_celery, publish
from app.tasks.queue import Task
from tests.conftest import settings_for
from tests.support.celery_mailbox import HoldingMailbox
from tests.support.processes import Forked, kill, run_command
from tests.support.waiting import PATIENCE


def settings_of_its_own(database_url: str, **overrides: Any) -> Settings:
    """Return settings with a private queue, even on a server that all tests share."""
    own = {"JWT_ISSUER": f"test-{uuid4()}", "TASK_TIME_LIMIT": 3600}
    return settings_for(database_url, **own | overrides)


@dataclass
class Worker:
    settings: Settings
    log: Path
    process: Forked = field(init=False)

    async def start(self) -> None:
        self.process = Forked(self.log, _run_worker, **_environment(self.settings))

    async def stop(self) -> int:
        """Return the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return await self.process.wait()

    async def kill(self) -> None:
        await kill(self.process)

    async def printed(self, *texts: str) -> str:
        return await self.process.printed(*texts)

    async def publish(self, task: Task[...], job_id: str = "", **values: Any) -> str:
        """Return the id of the job."""
        job_id = job_id or str(uuid4())
        with create_celery(self.settings) as client:
            await asyncio.to_thread(publish, client, task, job_id, [], values)
        return job_id

    async def reported(self, job_id: str) -> str:
        """Wait for the job's report and return it."""
        url = self.settings.REDIS_URL
        async with Redis.from_url(url, decode_responses=True, socket_timeout=None) as redis:
            answer = await redis.blpop([job_id], timeout=PATIENCE)
        assert answer, self.log.read_text()
        return str(answer[1])


@asynccontextmanager
async def running_worker(settings: Settings, folder: Path) -> AsyncGenerator[Worker]:
    worker = Worker(settings, folder / "worker.log")
    await worker.start()
    try:
        yield worker
    finally:
        await worker.kill()


@pytest.fixture(scope="module")
async def worker(
    settings: Settings, mailbox: HoldingMailbox, tmp_path_factory: pytest.TempPathFactory
) -> AsyncGenerator[Worker]:
    own = settings_of_its_own(settings.DATABASE_URL, **mailbox.settings)
    async with running_worker(own, tmp_path_factory.mktemp("worker")) as worker:
        yield worker


def _run_worker() -> None:
    import_module("tests.support.celery_tasks")  # registers them
    run_command("worker")


def _environment(settings: Settings) -> dict[str, str]:
    return {name: _text(value) for name, value in settings if value is not None}


def _text(value: object) -> str:
    if isinstance(value, tuple):
        return ",".join(map(_text, value))
    return value.get_secret_value() if isinstance(value, SecretStr) else str(value)
