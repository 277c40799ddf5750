"""All rooms of this process; what is published into one reaches every socket in it, by the broker.

Only joining and leaving wait, for the broker; publishing and receiving never do, so that no set of
sockets changes while it is gone through.
"""

import asyncio
from collections.abc import Awaitable, Callable
from uuid import UUID

from app.core.config import Settings
from app.realtime.access import Authorizer
from app.realtime.broker import Broker, Roster
from app.realtime.places import Places
from app.realtime.room import Room
from app.realtime.socket import Socket
from app.schemas.event import RoomEvent

MESSAGE_LIMIT = "20/second"
"""Messages from one socket: more than anybody types."""
RECHECK_SECONDS = 30
"""How often a socket's access is checked, in addition to the check after each change."""

Ask = Callable[[UUID, Roster], Awaitable[Roster]]
"""Tells other processes who is here in a room, and returns who is there."""


class Hub:
    def __init__(self, settings: Settings, authorizer: Authorizer, broker: Broker) -> None:
        self.authorizer = authorizer
        self.message_limit = MESSAGE_LIMIT
        self.places = Places(settings)
        self.recheck_seconds = RECHECK_SECONDS
        self.rooms: dict[UUID, Room] = {}
        self._broker = broker
        self._door = asyncio.Lock()
        broker.attach(self._receive)

    async def join(self, socket: Socket) -> None:
        """The socket gets `ready` first, and then everything that is published from here on."""
        access = socket.access
        async with self._door:
            room = self.rooms.setdefault(access.project_id, Room(access.organization_id))
            if access.user_id not in room.here:
                room.here[access.user_id] = access.name
                elsewhere = await self._broker.enter(access.project_id, access.user_id, access.name)
                for user_id, name in elsewhere.items():
                    room.came(user_id, name)
                self._tell("joined", access.project_id, f"{access.user_id} {access.name}")
            room.admit(socket)
            if access.version < self.authorizer.version:
                socket.attention.set()

    async def leave(self, socket: Socket) -> None:
        """Also of a socket that has not joined, or not completely."""
        access = socket.access
        room = self.rooms.get(access.project_id)
        if room is None:
            return
        room.sockets.discard(socket)
        async with self._door:
            if not any(other.access.user_id == access.user_id for other in room.sockets):
                await self._see_off(room, access.project_id, access.user_id)
            # Meanwhile this room may have been given up, and another one opened.
            if not room.here and self.rooms.get(access.project_id) is room:
                del self.rooms[access.project_id]

    async def _see_off(self, room: Room, project_id: UUID, user_id: UUID) -> None:
        name = room.here.pop(user_id, None)
        if name is not None:
            elsewhere = await self._broker.leave(project_id, user_id, name)
            if user_id not in elsewhere:
                self._tell("left", project_id, str(user_id))

    async def catch_up(self, project_id: UUID, ask: Ask, *, reunited: bool) -> None:
        """Tells the sockets of a room what they have missed of other processes.

        Reunited processes come back one by one: each tells the others who is here, and only the
        next time somebody counts as gone.
        """
        async with self._door:
            room = self.rooms.get(project_id)
            if room is None:
                return
            version = room.version
            elsewhere = await ask(project_id, room.here)
            for user_id, name in elsewhere.items():
                room.came(user_id, name)
            if reunited:
                for user_id, name in room.here.items():
                    self._tell("joined", project_id, f"{user_id} {name}")
            elif version == room.version:  # nobody came or went meanwhile
                for user_id in room.present.keys() - elsewhere.keys():
                    room.went(user_id)

    def publish(self, project_id: UUID, event: RoomEvent) -> None:
        self._tell("event", project_id, event.model_dump_json())

    def announce(self, organization_id: UUID, event: RoomEvent) -> None:
        """In every room of the organization."""
        self._tell("announcement", organization_id, event.model_dump_json())

    def recheck(self, row_id: UUID) -> None:
        """Every socket, in any process, whose access depends on that row looks at it again."""
        self._tell("recheck", row_id)

    def recheck_all(self) -> None:
        """Every socket of this process, which may not have heard of a change."""
        self.authorizer.version += 1
        for room in self.rooms.values():
            for socket in room.sockets:
                socket.attention.set()

    def _tell(self, kind: str, subject: UUID, text: str = "") -> None:
        self._broker.publish(f"{kind} {subject} {text}")

    def _receive(self, message: str) -> None:
        kind, subject, text = message.split(" ", 2)
        if kind == "recheck":
            self._recheck(UUID(subject))
        elif kind == "announcement":
            self._announce(UUID(subject), text)
        elif room := self.rooms.get(UUID(subject)):
            match kind:
                case "event":
                    room.deliver(text)
                case "joined":
                    user_id, name = text.split(" ", 1)
                    room.came(UUID(user_id), name)
                case "left":
                    room.went(UUID(text))

    def _announce(self, organization_id: UUID, text: str) -> None:
        for room in self.rooms.values():
            if room.organization_id == organization_id:
                room.deliver(text)

    def _recheck(self, row_id: UUID) -> None:
        self.authorizer.version += 1
        for room in self.rooms.values():
            for socket in room.sockets:
                if socket.access.depends_on(row_id):
                    socket.attention.set()
