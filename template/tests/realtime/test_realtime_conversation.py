"""A client's stay in a room, over a connection that the test controls."""

import asyncio
import json
from collections.abc import AsyncGenerator
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy.exc import OperationalError
from starlette.types import Message
from starlette.websockets import WebSocket
from structlog.testing import capture_logs

from app.core.clock import utc_now
from app.core.errors import Forbidden, InvalidToken, NotFound, Unavailable
from app.core.tokens import KeyClaims
from app.realtime import conversation
from app.realtime.access import Access, NotAMember
from app.realtime.conversation import Conversation
from app.realtime.hub import Hub
from app.realtime.socket import QUEUE_SIZE
from tests.support.logins import later
from tests.support.realtime import Clock, join, new_socket, read, say, texts
from tests.support.service import Service
from tests.support.waiting import NEVER, PAUSE, eventually, patience
from tests.support.websocket_server import unhurried


class Connection:
    """An accepted one; `drains` says whether the client reads."""

    def __init__(self) -> None:
        self.arriving: asyncio.Queue[Message] = asyncio.Queue()
        self.arriving.put_nowait({"type": "websocket.connect"})
        self.drains = asyncio.Event()
        self.drains.set()
        self.sending = asyncio.Event()
        self.sent: list[str] = []
        self.closed_with = 0

    async def send(self, message: Message) -> None:
        if message["type"] == "websocket.accept":
            return
        self.sending.set()
        await self.drains.wait()
        if message["type"] == "websocket.close":
            self.closed_with = message["code"]
        else:
            self.sent.append(message["text"])

    async def open(self) -> WebSocket:
        websocket = WebSocket({"type": "websocket", "headers": []}, self.arriving.get, self.send)
        await websocket.accept()
        return websocket

    def leave(self, code: int = 1001) -> None:
        self.arriving.put_nowait({"type": "websocket.disconnect", "code": code})


@pytest.fixture
def connection() -> Connection:
    return Connection()


@pytest.fixture
async def hub(service: Service) -> AsyncGenerator[Hub]:
    hub: Hub = service.app.state.hub
    with unhurried():
        yield hub
    assert hub.rooms == {}


@pytest.fixture
def project_id() -> UUID:
    return uuid4()


@pytest.fixture
def checks(hub: Hub, project_id: UUID, monkeypatch: pytest.MonkeyPatch) -> asyncio.Semaphore:
    """Counts the checks of access, all of which succeed."""
    checks = asyncio.Semaphore(0)

    async def authorize(*_: object) -> Access:
        checks.release()
        (socket,) = hub.rooms[project_id].sockets
        return socket.access

    monkeypatch.setattr(hub.authorizer, "authorize", authorize)
    return checks


async def converse(
    connection: Connection, hub: Hub, project_id: UUID, **access: Any
) -> asyncio.Task[None]:
    """Begun, and in the room."""
    socket = new_socket(project_id)
    socket.access = replace(socket.access, **access)
    websocket = await connection.open()
    stay = Conversation(websocket, hub, KeyClaims("0" * 64), socket.access)
    task = asyncio.create_task(stay.run())
    others = hub.rooms[project_id].sockets.copy() if project_id in hub.rooms else set()
    await eventually(lambda: project_id in hub.rooms and hub.rooms[project_id].sockets > others)
    return task


async def ended(task: asyncio.Task[None]) -> None:
    async with patience():
        await task


async def test_who_goes_leaves_the_room(connection: Connection, hub: Hub, project_id: UUID) -> None:
    with capture_logs() as log:
        task = await converse(connection, hub, project_id)
        connection.leave(1012)
        await ended(task)

    assert connection.closed_with == 0
    opened, closed = [entry for entry in log if entry.get("project_id") == str(project_id)]
    assert [opened["event"], closed["event"]] == ["socket_opened", "socket_closed"]
    assert closed["code"] == 1012


async def test_a_client_that_does_not_read_is_closed_with_1013(
    connection: Connection, hub: Hub, project_id: UUID
) -> None:
    other = await join(hub, project_id)
    connection.drains.clear()
    task = await converse(connection, hub, project_id)
    read(other)

    for number in range(QUEUE_SIZE + 2):
        say(hub, project_id, f"{number}")
        assert texts(other) == [f"{number}"]
        await asyncio.sleep(0)
    connection.drains.set()
    await ended(task)

    assert connection.closed_with == 1013
    await hub.leave(other)


async def test_a_client_that_takes_nothing_for_long_is_given_up(
    connection: Connection,
    hub: Hub,
    project_id: UUID,
    checks: asyncio.Semaphore,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = Clock()
    monkeypatch.setattr(conversation, "time", clock)
    # Fires early without harm: the closing frame is never taken.
    monkeypatch.setattr(conversation, "CLOSE_SECONDS", PAUSE)
    connection.drains.clear()

    with capture_logs() as log:
        task = await converse(connection, hub, project_id)
        async with patience():
            await connection.sending.wait()
            clock.now += conversation.SEND_SECONDS
            hub.recheck(project_id)
            await checks.acquire()  # so it was not given up yet
        clock.now += 1
        hub.recheck(project_id)
        await ended(task)

    assert [entry["code"] for entry in log if entry["event"] == "socket_closed"] == [1013]


async def test_a_burst_of_messages_is_answered_without_filling_the_queue(
    connection: Connection, hub: Hub, project_id: UUID
) -> None:
    task = await converse(connection, hub, project_id)
    for _ in range(3 * QUEUE_SIZE):
        connection.arriving.put_nowait({"type": "websocket.receive", "text": "{}"})
    connection.leave()
    await ended(task)

    assert len(connection.sent) >= 3 * QUEUE_SIZE
    assert connection.closed_with == 0


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
async def test_a_lost_right_ends_it_after_what_was_still_to_say(
    connection: Connection,
    hub: Hub,
    project_id: UUID,
    monkeypatch: pytest.MonkeyPatch,
    error: Exception,
    code: int,
) -> None:
    async def refuse(*_: Any) -> None:
        raise error

    monkeypatch.setattr(hub.authorizer, "authorize", refuse)
    task = await converse(connection, hub, project_id)

    connection.drains.clear()
    for text in ("one", "two", "the last word"):
        say(hub, project_id, text)
    hub.recheck(project_id)
    await eventually(lambda: project_id not in hub.rooms)
    connection.drains.set()
    await ended(task)

    assert connection.closed_with == code
    assert [json.loads(text)["text"] for text in connection.sent[-3:]] == [
        "one",
        "two",
        "the last word",
    ]


@pytest.mark.parametrize(
    "error",
    [
        OperationalError("SELECT", None, ConnectionError("gone")),
        Unavailable("The database does not answer; try again shortly"),
    ],
)
async def test_a_database_that_does_not_answer_ends_nothing(
    connection: Connection,
    hub: Hub,
    project_id: UUID,
    monkeypatch: pytest.MonkeyPatch,
    error: Exception,
) -> None:
    asked = asyncio.Event()

    async def fail(*_: Any) -> None:
        asked.set()
        raise error

    monkeypatch.setattr(hub.authorizer, "authorize", fail)
    task = await converse(connection, hub, project_id)

    hub.recheck(project_id)
    async with patience():
        await asked.wait()
    connection.leave()
    await ended(task)

    assert connection.closed_with == 0


async def test_it_ends_with_its_token(
    connection: Connection,
    hub: Hub,
    project_id: UUID,
    checks: asyncio.Semaphore,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(hub, "recheck_seconds", NEVER)
    with later() as clock:
        soon = utc_now() + timedelta(seconds=PAUSE)
        task = await converse(connection, hub, project_id, expires_at=soon)
        async with patience():
            await checks.acquire()  # the time has not come yet
        clock.shift(1)
        await ended(task)

    assert connection.closed_with == 4401
