"""A real server for rooms, in the tests' event loop."""

import socket
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager, nullcontext

import pytest
import uvicorn
from fastapi import FastAPI

from app.core.config import Settings
from app.realtime import access, connection
from app.realtime.hub import Hub
from app.server import options
from tests.support.service import Service, application
from tests.support.waiting import NEVER, PATIENCE
from tests.support.websocket_room import Room, make_room

HOST = "127.0.0.1"

OpenRoom = Callable[..., AbstractAsyncContextManager[Room]]


@contextmanager
def unhurried(ping_seconds: float = NEVER) -> Generator[None]:
    """Give checks, sends and close frames the time that a slow machine needs."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(options, "PING_SECONDS", ping_seconds)
        patch.setattr(access, "CHECK_SECONDS", PATIENCE)
        patch.setattr(connection, "SEND_SECONDS", NEVER)
        patch.setattr(connection, "CLOSE_SECONDS", PATIENCE)
        yield


@asynccontextmanager
async def open_room(
    settings: Settings, app: FastAPI | None = None, *, ping_seconds: float = NEVER, **of_socket: int
) -> AsyncGenerator[Room]:
    """Start a server with a room for one project; `of_socket` are the options of its socket."""
    with (
        unhurried(ping_seconds),
        nullcontext(app) if app else application(settings) as app,
        socket.create_server((HOST, 0)) as listener,
    ):
        for name, value in of_socket.items():
            listener.setsockopt(socket.SOL_SOCKET, getattr(socket, name), value)
        async with serve(app, settings, listener):
            yield await make_room(Service(app), f"{HOST}:{listener.getsockname()[1]}")


@asynccontextmanager
async def serve(app: FastAPI, settings: Settings, listener: socket.socket) -> AsyncGenerator[None]:
    """Run the server with the options of `serve`."""
    chosen = options.server_options(settings, HOST, 0) | {"app": app, "factory": False}
    config = uvicorn.Config(**chosen, lifespan="on", timeout_graceful_shutdown=int(PATIENCE))
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
