"""A project's room in this process: its sockets, and the users they have been told of."""

from uuid import UUID

from app.core.clock import utc_now
from app.realtime.broker import Roster
from app.realtime.socket import Socket
from app.schemas.event import PresenceJoined, PresenceLeft, Present, Ready


class Room:
    def __init__(self, organization_id: UUID) -> None:
        self.organization_id = organization_id
        self.sockets: set[Socket] = set()
        self.here: Roster = {}
        """Users with a socket in this process."""
        self.present: Roster = {}
        """Users with a socket in any process."""
        self.version = 0
        """Grows with each change of `present`."""

    def deliver(self, text: str) -> None:
        for socket in self.sockets:
            socket.put(text)

    def admit(self, socket: Socket) -> None:
        present = [Present(user_id=user_id, name=name) for user_id, name in self.present.items()]
        ready = Ready(
            project_id=socket.access.project_id,
            user_id=socket.access.user_id,
            expires_at=socket.access.expires_at,
            present=present,
        )
        socket.put(ready.model_dump_json())
        self.sockets.add(socket)

    def came(self, user_id: UUID, name: str) -> None:
        """Does nothing if it is known already."""
        if user_id in self.present:
            return
        self.present[user_id] = name
        self.version += 1
        self.deliver(PresenceJoined(user_id=user_id, name=name, at=utc_now()).model_dump_json())

    def went(self, user_id: UUID) -> None:
        """Does nothing if it is known already, or if another socket of the user is here."""
        if user_id in self.here or user_id not in self.present:
            return
        name = self.present.pop(user_id)
        self.version += 1
        self.deliver(PresenceLeft(user_id=user_id, name=name, at=utc_now()).model_dump_json())
