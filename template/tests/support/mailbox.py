"""A real mail server on a free port, in the tests' event loop, and its inbox."""

import asyncio
import re
import socket
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from email import message_from_bytes, policy
from email.message import EmailMessage, Message
from typing import Any

import pytest
from aiosmtpd.handlers import AsyncMessage
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from app.core import mail
from app.tasks.queue import Job, Task, TaskRunner
from tests.support.service import Service
from tests.support.waiting import PATIENCE

mail.TIMEOUT_SECONDS = int(PATIENCE)  # a slow machine is no outage of the mail server

HOST = "127.0.0.1"
USERNAME = "postmaster"
PASSWORD = "Letter-Box-9!"
Outbox = list[EmailMessage]


class Mailbox(AsyncMessage):
    """A server without authentication; a client that logs in must use USERNAME and PASSWORD."""

    def __init__(self) -> None:
        super().__init__()
        self.mails: list[EmailMessage] = []
        self.on_arrival: Callable[[], Awaitable[None]] | None = None
        self.logins: list[str] = []
        self.refuses = False
        self.handle_RCPT = self._take_recipient  # where aiosmtpd looks for it
        self._socket = socket.socket()
        self._socket.bind((HOST, 0))
        self._server: asyncio.Server | None = None

    @property
    def settings(self) -> dict[str, Any]:
        port = self._socket.getsockname()[1]
        return {"SMTP_HOST": HOST, "SMTP_PORT": port, "SMTP_SECURITY": "none"}

    async def start(self) -> None:
        """Accept connections, which are rejected before."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(
            lambda: SMTP(
                self,
                hostname="localhost",
                authenticator=self._authenticate,
                auth_require_tls=False,
                loop=loop,
            ),
            sock=self._socket,
        )

    async def stop(self) -> None:
        if self._server:
            self._server.close()
            await self._server.wait_closed()
        self._socket.close()

    async def _take_recipient(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if self.refuses:
            return f"550 {address} is not welcome"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_message(self, message: Message) -> None:
        mail = message_from_bytes(message.as_bytes(), policy=policy.default)
        assert isinstance(mail, EmailMessage)
        self.mails.append(mail)
        if self.on_arrival:
            await self.on_arrival()

    def _authenticate(
        self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, credentials: Any
    ) -> AuthResult:
        assert isinstance(credentials, LoginPassword)
        self.logins.append(credentials.login.decode())
        known = credentials == LoginPassword(USERNAME.encode(), PASSWORD.encode())
        return AuthResult(success=known, handled=False)


@asynccontextmanager
async def open_mailbox() -> AsyncGenerator[Mailbox]:
    mailbox = Mailbox()
    await mailbox.start()
    yield mailbox
    await mailbox.stop()


@pytest.fixture
async def mailbox() -> AsyncGenerator[Mailbox]:
    async with open_mailbox() as mailbox:
        yield mailbox


def text(mail: EmailMessage, kind: str = "plain") -> str:
    body = mail.get_body((kind,))
    assert body
    content: str = body.get_content()
    return content


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
