"""The seam between this process's hub and those of others: a broker passes messages on to all."""

from collections.abc import Callable
from typing import Protocol
from uuid import UUID

Receive = Callable[[str], None]

Roster = dict[UUID, str]
"""The names of users, by id."""


class Broker(Protocol):
    def attach(self, receive: Receive) -> None:
        """`receive` gets each message, before anything is published."""

    def publish(self, message: str) -> None:
        """To every hub, first of all to this process's own; each gets it once, and in order."""

    async def enter(self, room: UUID, user_id: UUID, name: str) -> Roster:
        """Returns who is in the room by way of other processes."""

    async def leave(self, room: UUID, user_id: UUID, name: str) -> Roster:
        """Returns who is still in the room by way of other processes."""
