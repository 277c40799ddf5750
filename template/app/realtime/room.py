"""A project's room in this process: its subscribers, and the users who are present."""

import asyncio
from uuid import UUID

from app.realtime.access import Access
from app.realtime.broker import Presence
from app.schemas.event import PresenceJoined, PresenceLeft, Present, Ready

QUEUE_SIZE = 64


class Subscriber:
    """A connection in a room: its access, and its queue of events to send."""

    def __init__(self, access: Access) -> None:
        self.access = access
        self.queue: asyncio.Queue[str] = asyncio.Queue(QUEUE_SIZE)
        self.too_slow = False
        self.check_due = asyncio.Event()
        """Set when the queue is full, and when the access must be checked again."""

    def send(self, text: str) -> None:
        """Queue the event without waiting: a slow client must not delay the others."""
        try:
            self.queue.put_nowait(text)
        except asyncio.QueueFull:
            self.too_slow = True
            self.check_due.set()


class Room:
    def __init__(self, organization_id: UUID) -> None:
        self.organization_id = organization_id
        self.subscribers: set[Subscriber] = set()
        self.local: Presence = {}
        """Users with a connection to this process."""
        self.present: Presence = {}
        """Users with a connection to any process."""
        self.version = 0
        """Incremented with each change of `present`."""

    def broadcast(self, text: str) -> None:
        for subscriber in self.subscribers:
            subscriber.send(text)

    def add(self, subscriber: Subscriber) -> None:
        ready = Ready(
            project_id=subscriber.access.project_id,
            user_id=subscriber.access.user_id,
            expires_at=subscriber.access.expires_at,
            present=[Present(user_id=user_id, name=name) for user_id, name in self.present.items()],
        )
        subscriber.send(ready.model_dump_json())
        self.subscribers.add(subscriber)

    def add_user(self, user_id: UUID, name: str) -> None:
        """Announce the user, unless already present."""
        if user_id not in self.present:
            self.present[user_id] = name
            self.version += 1
            self.broadcast(PresenceJoined(user_id=user_id, name=name).model_dump_json())

    def remove_user(self, user_id: UUID) -> None:
        """Announce that the user left, unless already gone or connected to this process."""
        if user_id in self.present and user_id not in self.local:
            name = self.present.pop(user_id)
            self.version += 1
            self.broadcast(PresenceLeft(user_id=user_id, name=name).model_dump_json())
