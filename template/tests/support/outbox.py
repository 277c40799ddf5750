"""The emails of requests, sent during the request to a real mail server."""

import re
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from email.message import EmailMessage
from typing import Any

import pytest

from app.tasks.queue import Job, Task, TaskRunner
from tests.support.mailbox import open_mailbox, text
from tests.support.service import Service

Outbox = list[EmailMessage]


@pytest.fixture
async def outbox(service: Service) -> AsyncGenerator[Outbox]:
    async with mails_of(service) as mails:
        yield mails


@asynccontextmanager
async def mails_of(service: Service, **changes: Any) -> AsyncGenerator[Outbox]:
    """Run tasks in this process, so that they end before the client has its response.

    `changes` are settings of the tasks.
    """
    async with open_mailbox() as mailbox:
        settings = service.settings.model_copy(update=mailbox.settings | changes)

        async def start(
            task: Task[...], job_id: str, args: list[Any], kwargs: dict[str, Any]
        ) -> None:
            await task(Job(job_id, settings, service.database), *args, **kwargs)

        with service.replaced(tasks=TaskRunner(start)):
            yield mailbox.mails


def token_in(mail: EmailMessage) -> str:
    found = re.search(r"Your token: (\S+)", text(mail))
    assert found, text(mail)
    return found[1]


def sent_to(outbox: Outbox, address: str) -> Outbox:
    return [mail for mail in outbox if mail["To"] == address]
