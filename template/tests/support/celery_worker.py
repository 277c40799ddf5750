"""A real worker in its own process, and a mail server that can keep its task running."""

import asyncio
import signal
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email.message import Message
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
from tests.support.mailbox import Mailbox
from tests.support.processes import Forked, kill, run_command
from tests.support.waiting import PATIENCE, patience


def settings_of_its_own(database_url: str, **overrides: Any) -> Settings:
    """Return settings with a private queue, even on a server that all tests share."""
    own = {"JWT_ISSUER": f"test-{uuid4()}", "TASK_TIME_LIMIT": 3600}
    return settings_for(database_url, **own | overrides)


class HoldingMailbox(Mailbox):
    def __init__(self) -> None:
        super().__init__()
        self._held_address = ""
        self._held = asyncio.Event()
        self._released = asyncio.Event()

    def hold(self, address: str) -> None:
        """Hold back the next email to this address until `release`."""
        self._held_address = address
        self._held.clear()
        self._released.clear()

    async def holding(self) -> None:
        """Return once an email is held."""
        async with patience():
            await self._held.wait()

    def release(self) -> None:
        self._released.set()

    async def handle_message(self, message: Message) -> None:
        if message["To"] == self._held_address:
            self._held_address = ""
            self._held.set()
            await self._released.wait()  # cancelled when the client is gone
        await super().handle_message(message)

    def count(self, address: str) -> int:
        return sum(mail["To"] == address for mail in self.mails)


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


@pytest.fixture(scope="module")
async def mailbox() -> AsyncGenerator[HoldingMailbox]:
    mailbox = HoldingMailbox()
    await mailbox.start()
    yield mailbox
    await mailbox.stop()
