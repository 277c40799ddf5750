"""A mail server that can hold an email back, which keeps its task running."""

import asyncio
from collections.abc import AsyncGenerator
from email.message import Message

import pytest

from tests.support.mailbox import Mailbox
from tests.support.waiting import patience


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


@pytest.fixture(scope="module")
async def mailbox() -> AsyncGenerator[HoldingMailbox]:
    mailbox = HoldingMailbox()
    await mailbox.start()
    yield mailbox
    await mailbox.stop()
