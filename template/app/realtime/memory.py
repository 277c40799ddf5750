"""Opens the hub of a service that runs in one process: there are no other hubs."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from app.realtime.broker import Broker
from app.realtime.start import start_hub


@asynccontextmanager
async def open_hub(app: FastAPI) -> AsyncGenerator[None]:
    app.state.hub = start_hub(app.state.settings, app.state.database, Broker())
    yield
