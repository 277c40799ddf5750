"""The broker of a service that runs in one process: there is no other hub to tell."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from uuid import UUID

from fastapi import FastAPI

from app.realtime.broker import Receive, Roster
from app.realtime.start import start_hub


class MemoryBroker:
    def attach(self, receive: Receive) -> None:
        self._receive = receive

    def publish(self, message: str) -> None:
        self._receive(message)

    async def enter(self, room: UUID, user_id: UUID, name: str) -> Roster:
        return {}

    async def leave(self, room: UUID, user_id: UUID, name: str) -> Roster:
        return {}


@asynccontextmanager
async def open_hub(app: FastAPI) -> AsyncGenerator[None]:
    app.state.hub = start_hub(app.state.settings, app.state.database, MemoryBroker())
    yield
