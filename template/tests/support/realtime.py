"""Subscribers without a network, for tests that inspect a hub's queues."""

import json
import sys
from typing import Any
from uuid import UUID, uuid4

from app.realtime.access import Access
from app.realtime.hub import Hub
from app.realtime.room import Subscriber
from app.schemas.event import Message
from tests.support.waiting import patience


class Clock:
    """A replacement for `time` that stands still until the test moves it."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now


def new_subscriber(project_id: UUID, **access: Any) -> Subscriber:
    usual = {
        "user_id": uuid4(),
        "credential_id": uuid4(),
        "expires_at": None,
        "organization_id": uuid4(),
        "project_id": project_id,
        "name": "Ada",
        "can_write": True,
        "version": sys.maxsize,
    }
    return Subscriber(Access(**usual | access))


async def join(hub: Hub, project_id: UUID, **access: Any) -> Subscriber:
    """Return a subscriber of the room, whose `ready` has been read."""
    subscriber = new_subscriber(project_id, **access)
    await hub.join(subscriber)
    assert types(subscriber)[0] == "ready"
    return subscriber


def post(hub: Hub, project_id: UUID, text: str) -> None:
    hub.publish(project_id, Message(user_id=uuid4(), name="Ada", text=text))


def read(subscriber: Subscriber) -> list[dict[str, Any]]:
    """Return every event in its queue."""
    queue = subscriber.queue
    return [json.loads(queue.get_nowait()) for _ in range(queue.qsize())]


def types(subscriber: Subscriber) -> list[str]:
    return [event["type"] for event in read(subscriber)]


def texts(subscriber: Subscriber) -> list[str]:
    return [event["text"] for event in read(subscriber) if event["type"] == "message"]


async def present_to_newcomer(hub: Hub, project_id: UUID, **access: Any) -> dict[str, str]:
    """Return the names that a new subscriber finds in `ready`, by user."""
    newcomer = new_subscriber(project_id, **access)
    await hub.join(newcomer)
    present = read(newcomer)[0]["present"]
    await hub.leave(newcomer)
    users = {user["user_id"]: user["name"] for user in present}
    assert len(users) == len(present)
    return users


async def next_event(subscriber: Subscriber) -> dict[str, Any]:
    async with patience():
        event: dict[str, Any] = json.loads(await subscriber.queue.get())
    return event
