"""A mail server that leaves a client without an answer, until it is killed."""

import asyncio
from collections.abc import AsyncGenerator
from email.message import Message

import pytest

from tests.support.mailbox import Mailbox
from tests.support.waiting import patience


class SilentMailbox(Mailbox):
    def __init__(self) -> None:
        super().__init__()
        self.waiting = asyncio.Event()
        self.answer = asyncio.Event()
        self._arrival = asyncio.Condition()
        self._silent_for = ""

    def be_silent_for(self, address: str) -> None:
        """The first mail to it is answered, and arrives, only when `answer` is set."""
        self._silent_for = address
        self.waiting.clear()
        self.answer.clear()

    async def is_silent(self) -> None:
        """Returns when a mail waits for its answer."""
        async with patience():
            await self.waiting.wait()

    async def handle_message(self, message: Message) -> None:
        if message["To"] == self._silent_for:
            self._silent_for = ""
            self.waiting.set()
            await self.answer.wait()  # cancelled when the client is gone
        await super().handle_message(message)
        async with self._arrival:
            self._arrival.notify_all()

    async def expect(self, address: str) -> None:
        """Returns when there is a mail to it."""
        async with patience(), self._arrival:
            await self._arrival.wait_for(lambda: self.count(address) > 0)

    def count(self, address: str) -> int:
        return sum(mail["To"] == address for mail in self.mails)


@pytest.fixture(scope="module")
async def mailbox() -> AsyncGenerator[SilentMailbox]:
    mailbox = SilentMailbox()
    await mailbox.start()
    yield mailbox
    await mailbox.stop()
