"""The messages that hubs send each other, and the broker that carries them."""

from collections.abc import Callable
from typing import Literal
from uuid import UUID

from pydantic import BaseModel

from app.schemas.event import RoomEvent


class RoomBroadcast(BaseModel):
    type: Literal["room_broadcast"] = "room_broadcast"
    project_id: UUID
    event: RoomEvent


class OrganizationBroadcast(BaseModel):
    type: Literal["organization_broadcast"] = "organization_broadcast"
    organization_id: UUID
    event: RoomEvent


class UserJoined(BaseModel):
    type: Literal["user_joined"] = "user_joined"
    project_id: UUID
    user_id: UUID
    name: str


class UserLeft(BaseModel):
    type: Literal["user_left"] = "user_left"
    project_id: UUID
    user_id: UUID


class Recheck(BaseModel):
    """Check the access of every connection that depends on this row."""

    type: Literal["recheck"] = "recheck"
    row_id: UUID


HubMessage = RoomBroadcast | OrganizationBroadcast | UserJoined | UserLeft | Recheck

Receive = Callable[[HubMessage], None]

Presence = dict[UUID, str]
"""The names of the users in a room, by id."""


class Broker:
    """Deliver messages within this process; a subclass may extend this to other processes."""

    def subscribe(self, receive: Receive) -> None:
        """Set the receiver of all messages, before the first one is published."""
        self.receive = receive

    def publish(self, message: HubMessage) -> None:
        """Deliver the message to every hub once and in order, to this process's hub first."""
        self.receive(message)

    async def join(self, project_id: UUID, user_id: UUID, name: str) -> Presence:
        """Return the users who are present through other processes."""
        return {}

    async def leave(self, project_id: UUID, user_id: UUID, name: str) -> Presence:
        """Return the users who are still present through other processes."""
        return {}
