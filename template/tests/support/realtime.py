"""Sockets without a network, for tests that look into a hub's own queues."""

import json
import sys
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

from app.core.clock import utc_now
from app.realtime.access import Access
from app.realtime.hub import Hub
from app.realtime.socket import Socket
from app.schemas.event import Message
from tests.support.waiting import patience


class Clock:
    """Replaces `time`: it stands still until the test moves it."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now


def new_socket(
    project_id: UUID,
    user_id: UUID | None = None,
    name: str = "Ada",
    organization_id: UUID | None = None,
) -> Socket:
    access = Access(
        user_id=user_id or uuid4(),
        credential_id=uuid4(),
        expires_at=utc_now() + timedelta(minutes=30),
        organization_id=organization_id or uuid4(),
        project_id=project_id,
        name=name,
        may_speak=True,
        version=sys.maxsize,
    )
    return Socket(access)


async def join(
    hub: Hub,
    project_id: UUID,
    user_id: UUID | None = None,
    name: str = "Ada",
    organization_id: UUID | None = None,
) -> Socket:
    """A socket in the room, whose `ready` has been read."""
    socket = new_socket(project_id, user_id, name, organization_id)
    await hub.join(socket)
    assert read(socket)[0]["type"] == "ready"
    return socket


def say(hub: Hub, project_id: UUID, text: str) -> None:
    message = Message(id=uuid4(), user_id=uuid4(), name="Ada", text=text, sent_at=utc_now())
    hub.publish(project_id, message)


def read(socket: Socket) -> list[dict[str, Any]]:
    """Everything that is in its queue."""
    return [json.loads(socket.queue.get_nowait()) for _ in range(socket.queue.qsize())]


def texts(socket: Socket) -> list[str]:
    return [event["text"] for event in read(socket) if event["type"] == "message"]


async def next_event(socket: Socket) -> dict[str, Any]:
    async with patience():
        event: dict[str, Any] = json.loads(await socket.queue.get())
    return event
