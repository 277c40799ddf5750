"""A real server for rooms, in the tests' own event loop."""

import socket
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager, nullcontext

import pytest
import uvicorn
from fastapi import FastAPI

from app.cli import websocket
from app.core.config import Settings
from app.realtime import access, conversation
from app.realtime.hub import Hub
from tests.support.databases import Databases
from tests.support.service import Service, application
from tests.support.waiting import NEVER, PATIENCE
from tests.support.websocket_room import Room, make_room

HOST = "127.0.0.1"


@contextmanager
def unhurried(ping_seconds: float = NEVER) -> Generator[None]:
    """Give checks, sends and closing frames all the time that a slow machine needs."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(websocket, "PING_SECONDS", ping_seconds)
        patch.setattr(access, "CHECK_SECONDS", PATIENCE)
        patch.setattr(conversation, "SEND_SECONDS", NEVER)
        patch.setattr(conversation, "CLOSE_SECONDS", PATIENCE)
        yield


@asynccontextmanager
async def open_room(
    settings: Settings, app: FastAPI | None = None, *, ping_seconds: float = NEVER, **options: int
) -> AsyncGenerator[Room]:
    """A server of its own, with a room for one project; `options` are those of its socket."""
    with (
        unhurried(ping_seconds),
        nullcontext(app) if app else application(settings) as app,
        socket.create_server((HOST, 0)) as listener,
    ):
        for name, value in options.items():
            listener.setsockopt(socket.SOL_SOCKET, getattr(socket, name), value)
        async with serving(app, listener):
            yield await make_room(Service(app), f"{HOST}:{listener.getsockname()[1]}")


@asynccontextmanager
async def serving(app: FastAPI, listener: socket.socket) -> AsyncGenerator[None]:
    """As `serve` does."""
    config = uvicorn.Config(
        app,
        access_log=False,
        log_config=None,
        lifespan="on",
        timeout_graceful_shutdown=int(PATIENCE),
        **websocket.websocket_options(),
    )
    config.load()
    server = uvicorn.Server(config)
    server.lifespan = config.lifespan_class(config)
    await server.startup(sockets=[listener])
    try:
        yield
    finally:
        await server.shutdown(sockets=[listener])


def hub_of(room: Room) -> Hub:
    hub: Hub = room.service.app.state.hub
    return hub


@pytest.fixture(scope="session")
async def hall(settings: Settings, databases: Databases, migrated: str) -> AsyncGenerator[Room]:
    """The room of a server that all tests share, on a database of its own."""
    url = await databases.copy(migrated)
    async with open_room(settings.model_copy(update={"DATABASE_URL": url})) as room:
        yield room


@pytest.fixture
async def room(hall: Room) -> Room:
    """A new one, of an organization of its own."""
    return await make_room(hall.service, hall.address)
