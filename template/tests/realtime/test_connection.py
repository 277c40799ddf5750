"""A connection from `join` to close, with a client under the test's control."""

import asyncio
import json
from collections.abc import AsyncGenerator
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy.exc import OperationalError
from starlette.types import Message
from starlette.websockets import WebSocket
from structlog.testing import capture_logs

from app.core.clock import utc_now
from app.core.errors import Forbidden, InvalidToken, NotFound, Unavailable
from app.core.tokens import KeyClaims
from app.realtime import connection
from app.realtime.access import Access, NotAMember
from app.realtime.connection import Connection
from app.realtime.hub import Hub
from app.realtime.room import QUEUE_SIZE, Subscriber
from tests.support.clock import later
from tests.support.realtime import Clock, join, new_subscriber, post, read, texts
from tests.support.waiting import NEVER, PAUSE, eventually, patience
from tests.support.websocket_server import unhurried


class Client:
    """The client of an accepted connection; it reads while `reading` is set."""

    def __init__(self, hub: Hub, project_id: UUID) -> None:
        self.hub = hub
        self.project_id = project_id
        self.arriving: asyncio.Queue[Message] = asyncio.Queue()
        self.reading = asyncio.Event()
        self.reading.set()
        self.sending = asyncio.Event()
        self.received: list[str] = []
        self.close_code = 0

    @property
    def subscribers(self) -> set[Subscriber]:
        room = self.hub.rooms.get(self.project_id)
        return room.subscribers if room else set()

    async def connect(self, **access: Any) -> None:
        """Begin the connection, and return once it has joined the room."""
        self.arriving.put_nowait({"type": "websocket.connect"})
        websocket = WebSocket({"type": "websocket", "headers": []}, self.arriving.get, self._send)
        await websocket.accept()
        allowed, before = new_subscriber(self.project_id, **access).access, len(self.subscribers)
        served = Connection(websocket, self.hub, KeyClaims("0" * 64), allowed)
        self._task = asyncio.create_task(served.run())
        await eventually(lambda: len(self.subscribers) > before)

    async def _send(self, message: Message) -> None:
        if message["type"] == "websocket.accept":
            return
        self.sending.set()
        await self.reading.wait()
        if message["type"] == "websocket.close":
            self.close_code = message["code"]
        else:
            self.received.append(message["text"])

    async def disconnect(self, code: int = 1001) -> None:
        self.arriving.put_nowait({"type": "websocket.disconnect", "code": code})
        await self.ended()

    async def ended(self) -> None:
        async with patience():
            await self._task


@pytest.fixture
async def client(hub: Hub, project_id: UUID) -> AsyncGenerator[Client]:
    with unhurried():
        yield Client(hub, project_id)
    assert hub.rooms == {}


@pytest.fixture
def checks(client: Client, monkeypatch: pytest.MonkeyPatch) -> asyncio.Semaphore:
    """The number of access checks, all of which succeed."""
    checks = asyncio.Semaphore(0)

    async def authorize(*_: object) -> Access:
        checks.release()
        (subscriber,) = client.subscribers
        return subscriber.access

    monkeypatch.setattr(client.hub.authorizer, "authorize", authorize)
    return checks


async def test_disconnect_leaves_the_room(client: Client) -> None:
    with capture_logs() as log:
        await client.connect()
        await client.disconnect(1012)

    assert client.close_code == 0
    opened, closed = [each for each in log if each.get("project_id") == str(client.project_id)]
    assert [opened["event"], closed["event"]] == ["connection_opened", "connection_closed"]
    assert closed["code"] == 1012


async def test_slow_client_is_closed_with_1013(client: Client, hub: Hub, project_id: UUID) -> None:
    other = await join(hub, project_id)
    client.reading.clear()
    await client.connect()
    read(other)

    for number in range(QUEUE_SIZE + 2):
        post(hub, project_id, f"{number}")
        assert texts(other) == [f"{number}"]
        await asyncio.sleep(0)
    client.reading.set()
    await client.ended()

    assert client.close_code == 1013
    await hub.leave(other)


async def test_client_that_never_reads_is_dropped(
    client: Client, hub: Hub, checks: asyncio.Semaphore, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock()
    monkeypatch.setattr(connection, "time", clock)
    # Fires early without harm: the client never takes the close frame.
    monkeypatch.setattr(connection, "CLOSE_SECONDS", PAUSE)
    client.reading.clear()

    with capture_logs() as log:
        await client.connect()
        async with patience():
            await client.sending.wait()
            clock.now += connection.SEND_SECONDS
            hub.recheck(client.project_id)
            await checks.acquire()  # so it was not dropped yet
        clock.now += 1
        hub.recheck(client.project_id)
        await client.ended()

    assert [entry["code"] for entry in log if entry["event"] == "connection_closed"] == [1013]


async def test_burst_of_messages_does_not_fill_the_queue(client: Client) -> None:
    await client.connect()
    for _ in range(3 * QUEUE_SIZE):
        client.arriving.put_nowait({"type": "websocket.receive", "text": "{}"})
    await client.disconnect()

    assert len(client.received) >= 3 * QUEUE_SIZE
    assert client.close_code == 0


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (InvalidToken(), 4401),
        (Forbidden(), 4401),
        (NotAMember("Project not found"), 4403),
        (NotFound("Project not found"), 4404),
        (LookupError("a defect"), 1011),
    ],
)
async def test_revoked_access_closes_after_what_is_queued(
    client: Client, hub: Hub, monkeypatch: pytest.MonkeyPatch, error: Exception, code: int
) -> None:
    async def reject(*_: object) -> None:
        raise error

    monkeypatch.setattr(hub.authorizer, "authorize", reject)
    await client.connect()

    client.reading.clear()
    queued = ["one", "two", "the last word"]
    for text in queued:
        post(hub, client.project_id, text)
    hub.recheck(client.project_id)
    await eventually(lambda: client.project_id not in hub.rooms)
    client.reading.set()
    await client.ended()

    assert client.close_code == code
    assert [json.loads(text)["text"] for text in client.received[-3:]] == queued


@pytest.mark.parametrize(
    "error", [OperationalError("SELECT", None, ConnectionError("gone")), Unavailable("Try again")]
)
async def test_unavailable_database_closes_nothing(
    client: Client, hub: Hub, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    checked = asyncio.Event()

    async def fail(*_: object) -> None:
        checked.set()
        raise error

    monkeypatch.setattr(hub.authorizer, "authorize", fail)
    await client.connect()

    hub.recheck(client.project_id)
    async with patience():
        await checked.wait()
    await client.disconnect()

    assert client.close_code == 0


async def test_expired_credential_closes_the_connection(
    client: Client, hub: Hub, checks: asyncio.Semaphore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub, "recheck_seconds", NEVER)
    with later() as clock:
        await client.connect(expires_at=utc_now() + timedelta(seconds=PAUSE))
        async with patience():
            await checks.acquire()  # the time has not come yet
        clock.shift(1)
        await client.ended()

    assert client.close_code == 4401
