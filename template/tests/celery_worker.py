"""A real worker in a process of its own, the messages for it, and what it prints."""

import asyncio
import os
import signal
import sys
from asyncio.subprocess import DEVNULL, Process
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from pydantic import SecretStr
from redis.asyncio import Redis

from app.core.config import Settings
from app.tasks.celery import create_celery, publish
from app.tasks.queue import Task
from tests.celery_mailbox import SilentMailbox
from tests.conftest import settings_for


def settings_of_its_own(database_url: str, **overrides: Any) -> Settings:
    """Its queue is no other's, even on a server that all tests share."""
    return settings_for(database_url, JWT_ISSUER=f"test-{uuid4()}", **overrides)


@dataclass
class Worker:
    settings: Settings
    log: Path
    process: Process = field(init=False)

    async def start(self) -> None:
        with self.log.open("a") as log:
            self.process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "tests.celery_tasks", "worker"),
                env=os.environ | _environment(self.settings),
                stdin=DEVNULL,
                stdout=log,
                stderr=log,
                process_group=0,
            )

    async def stop(self) -> int:
        """The exit code."""
        self.process.terminate()
        async with asyncio.timeout(25):
            return await self.process.wait()

    async def kill(self) -> None:
        os.killpg(self.process.pid, signal.SIGKILL)
        await self.process.wait()

    async def printed(self, *texts: str) -> str:
        """Everything so far, as soon as these are among it."""
        async with asyncio.timeout(60):
            while not all(text in self.log.read_text() for text in texts):
                assert self.process.returncode is None, self.log.read_text()
                await asyncio.sleep(0.05)
        return self.log.read_text()

    async def publish(self, task: Task[...], job_id: str = "", **values: Any) -> str:
        """The id of the job."""
        job_id = job_id or str(uuid4())
        celery = create_celery(self.settings)
        await asyncio.to_thread(publish, celery, task, job_id, [], values)
        await asyncio.to_thread(celery.close)
        return job_id

    async def reported(self, job_id: str) -> str:
        client = Redis.from_url(self.settings.REDIS_URL, decode_responses=True, socket_timeout=None)
        async with client as redis:
            answer = await redis.blpop([job_id], timeout=60)
        assert answer, self.log.read_text()
        return str(answer[1])


@asynccontextmanager
async def running_worker(settings: Settings, folder: Path) -> AsyncGenerator[Worker]:
    worker = Worker(settings, folder / "worker.log")
    await worker.start()
    try:
        yield worker
    finally:
        if worker.process.returncode is None:
            await worker.kill()


@pytest.fixture(scope="module")
async def worker(
    settings: Settings, mailbox: SilentMailbox, tmp_path_factory: pytest.TempPathFactory
) -> AsyncGenerator[Worker]:
    own = settings_of_its_own(settings.DATABASE_URL, **mailbox.settings)
    async with running_worker(own, tmp_path_factory.mktemp("worker")) as worker:
        yield worker


def _environment(settings: Settings) -> dict[str, str]:
    return {name: _text(value) for name, value in settings if value is not None}


def _text(value: object) -> str:
    if isinstance(value, tuple):
        return ",".join(map(_text, value))
    return value.get_secret_value() if isinstance(value, SecretStr) else str(value)
