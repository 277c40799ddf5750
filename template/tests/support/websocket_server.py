"""A real server for rooms, in the tests' own event loop."""

import socket
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager, nullcontext

import pytest
import uvicorn
from fastapi import FastAPI

from app.core.config import Settings
from app.realtime import access, connection
from app.realtime.hub import Hub
from app.server.options import server_options
from tests.support.service import Service, application
from tests.support.waiting import NEVER, PATIENCE
from tests.support.websocket_room import Room, make_room

HOST = "127.0.0.1"
UNHURRIED = {"DATABASE_POOL_TIMEOUT": PATIENCE, "WEBSOCKET_PING_SECONDS": NEVER}
"""Unless a test chooses otherwise: no slow machine is taken for a client that has gone."""

OpenRoom = Callable[..., AbstractAsyncContextManager[Room]]


@contextmanager
def unhurried() -> Generator[None]:
    """Give checks, sends and close frames all the time that a slow machine needs."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(access, "CHECK_SECONDS", PATIENCE)
        patch.setattr(connection, "SEND_SECONDS", NEVER)
        patch.setattr(connection, "CLOSE_SECONDS", PATIENCE)
        yield


@asynccontextmanager
async def open_room(
    settings: Settings, app: FastAPI | None = None, **options: int
) -> AsyncGenerator[Room]:
    """Start a server with a room for one project; `options` are those of its socket."""
    chosen = settings.model_fields_set
    usual = {name: value for name, value in UNHURRIED.items() if name not in chosen}
    settings = settings.model_copy(update=usual)
    with (
        unhurried(),
        nullcontext(app) if app else application(settings) as app,
        socket.create_server((HOST, 0)) as listener,
    ):
        for name, value in options.items():
            listener.setsockopt(socket.SOL_SOCKET, getattr(socket, name), value)
        async with serving(app, settings, listener):
            yield await make_room(Service(app), f"{HOST}:{listener.getsockname()[1]}")


@asynccontextmanager
async def serving(
    app: FastAPI, settings: Settings, listener: socket.socket
) -> AsyncGenerator[None]:
    """As `serve` does."""
    options = server_options(settings, HOST, 0) | {"app": app, "factory": False}
    config = uvicorn.Config(**options, lifespan="on", timeout_graceful_shutdown=int(PATIENCE))
    config.load()
    server = uvicorn.Server(config)
    server.lifespan = config.lifespan_class(config)
    await server.startup(sockets=[listener])
    try:
        yield
    finally:
        await server.shutdown(sockets=[listener])


def hub_of(service: Service) -> Hub:
    return service.resources.hub
