"""A socket in a room, as a client holds it."""

import json
from dataclasses import dataclass, field
from typing import Any

from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from tests.support.waiting import eventually, patience

Event = dict[str, Any]


@dataclass
class Visitor:
    connection: ClientConnection
    ready: Event = field(default_factory=dict)

    async def send(self, kind: str, **fields: Any) -> None:
        await self.connection.send(json.dumps({"type": kind} | fields))

    async def say(self, text: str) -> None:
        await self.send("message", text=text)

    async def event(self) -> Event:
        async with patience():
            event: Event = json.loads(await self.connection.recv())
        return event

    async def expect(self, kind: str) -> Event:
        """The next event must be of this kind; who comes and goes meanwhile is passed over."""
        event = await self.event()
        while event["type"].startswith("presence.") and event["type"] != kind:
            event = await self.event()
        assert event["type"] == kind, event
        return event

    async def reads_until(self, kind: str) -> None:
        while (await self.event())["type"] != kind:
            continue

    async def hears(self, text: str) -> None:
        assert (await self.expect("message"))["text"] == text

    async def refused(self, code: str) -> Event:
        error = await self.expect("error")
        assert error["code"] == code, error
        return error

    async def until_answered(self, expected: str) -> None:
        """Say something again and again, until the answer has this type or, if an error, code."""

        async def answered() -> bool:
            await self.say("may I?")
            answer = await self.event()
            return bool(answer.get("code", answer["type"]) == expected)

        await eventually(answered)

    async def goes_on(self) -> None:
        await self.say("we go on")
        await self.hears("we go on")

    async def closed(self) -> int:
        """The code it is closed with, after whatever else arrives."""
        try:
            while True:
                await self.event()
        except ConnectionClosed as end:
            return end.rcvd.code if end.rcvd else 1006

    def vanish(self) -> None:
        """Without a word, as when the network does."""
        self.connection.transport.abort()
