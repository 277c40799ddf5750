"""The rooms of this process; the broker connects them with the same rooms of other processes.

Only `join`, `leave` and `sync` wait, for the broker. Publishing and receiving never do, so
no set of subscribers changes while it is iterated.
"""

import asyncio
from collections.abc import Awaitable, Callable
from uuid import UUID

from app.core.config import Settings
from app.realtime.access import Authorizer
from app.realtime.broker import (
    Broker,
    HubMessage,
    OrganizationBroadcast,
    Presence,
    Recheck,
    RoomBroadcast,
    UserJoined,
    UserLeft,
)
from app.realtime.limits import ConnectionLimits
from app.realtime.room import Room, Subscriber
from app.schemas.event import RoomEvent

MESSAGE_LIMIT = "20/second"
"""Per connection: more than anyone types."""
RECHECK_SECONDS = 30
"""Between two checks of a connection's access, which is also checked after each change."""

Exchange = Callable[[UUID, Presence], Awaitable[Presence]]
"""Report the users of a room in this process; return those in other processes."""


class Hub:
    def __init__(self, settings: Settings, authorizer: Authorizer, broker: Broker) -> None:
        self.authorizer = authorizer
        self.connection_limits = ConnectionLimits(settings)
        self.message_limit = MESSAGE_LIMIT
        self.recheck_seconds = RECHECK_SECONDS
        self.rooms: dict[UUID, Room] = {}
        self._broker = broker
        self._lock = asyncio.Lock()
        broker.subscribe(self._receive)

    async def join(self, subscriber: Subscriber) -> None:
        """Send `ready` to the subscriber, and then every event that is published from here on."""
        access = subscriber.access
        async with self._lock:
            room = self.rooms.setdefault(access.project_id, Room(access.organization_id))
            if access.user_id not in room.local:
                room.local[access.user_id] = access.name
                remote = await self._broker.join(access.project_id, access.user_id, access.name)
                for user_id, name in remote.items():
                    room.add_user(user_id, name)
                self._publish_joined(access.project_id, access.user_id, access.name)
            room.add(subscriber)
            if access.version < self.authorizer.version:
                subscriber.check_due.set()

    async def leave(self, subscriber: Subscriber) -> None:
        """Remove the subscriber, even one whose `join` was interrupted or never called."""
        access = subscriber.access
        room = self.rooms.get(access.project_id)
        if room is None:
            return
        room.subscribers.discard(subscriber)
        async with self._lock:
            if not any(other.access.user_id == access.user_id for other in room.subscribers):
                await self._remove_user(room, access.project_id, access.user_id)
            # While this waited for the lock, the room may have been deleted and created again.
            if not room.local and self.rooms.get(access.project_id) is room:
                del self.rooms[access.project_id]

    async def _remove_user(self, room: Room, project_id: UUID, user_id: UUID) -> None:
        name = room.local.pop(user_id, None)
        if name is not None:
            remote = await self._broker.leave(project_id, user_id, name)
            if user_id not in remote:
                self._broker.publish(UserLeft(project_id=project_id, user_id=user_id))

    async def sync(self, project_id: UUID, exchange: Exchange, *, reconnected: bool) -> None:
        """Announce users who joined or left through other processes without a message.

        After an outage the processes reconnect one by one, so each announces only its own users;
        the next call removes the users who did not return.
        """
        async with self._lock:
            room = self.rooms.get(project_id)
            if room is None:
                return
            version = room.version
            remote = await exchange(project_id, room.local)
            for user_id, name in remote.items():
                room.add_user(user_id, name)
            if reconnected:
                for user_id, name in room.local.items():
                    self._publish_joined(project_id, user_id, name)
            elif version == room.version:  # otherwise `remote` may be out of date
                for user_id in room.present.keys() - remote.keys():
                    room.remove_user(user_id)

    def publish(self, project_id: UUID, event: RoomEvent) -> None:
        self._broker.publish(RoomBroadcast(project_id=project_id, event=event))

    def publish_to_organization(self, organization_id: UUID, event: RoomEvent) -> None:
        """Publish the event in every room of the organization."""
        self._broker.publish(OrganizationBroadcast(organization_id=organization_id, event=event))

    def recheck(self, row_id: UUID) -> None:
        """Have every process check the access of the connections that depend on this row."""
        self._broker.publish(Recheck(row_id=row_id))

    def recheck_all(self) -> None:
        """Check the access of every connection of this process, which may have missed a change."""
        self._request_checks(None)

    def _publish_joined(self, project_id: UUID, user_id: UUID, name: str) -> None:
        self._broker.publish(UserJoined(project_id=project_id, user_id=user_id, name=name))

    def _receive(self, message: HubMessage) -> None:
        match message:
            case Recheck():
                self._request_checks(message.row_id)
            case OrganizationBroadcast():
                text = message.event.model_dump_json()
                for room in self.rooms.values():
                    if room.organization_id == message.organization_id:
                        room.broadcast(text)
            case _ if message.project_id in self.rooms:
                self._receive_in_room(self.rooms[message.project_id], message)

    def _receive_in_room(self, room: Room, message: RoomBroadcast | UserJoined | UserLeft) -> None:
        match message:
            case RoomBroadcast():
                room.broadcast(message.event.model_dump_json())
            case UserJoined():
                room.add_user(message.user_id, message.name)
            case UserLeft():
                room.remove_user(message.user_id)

    def _request_checks(self, row_id: UUID | None) -> None:
        self.authorizer.version += 1
        for room in self.rooms.values():
            for subscriber in room.subscribers:
                if row_id is None or subscriber.access.depends_on(row_id):
                    subscriber.check_due.set()
