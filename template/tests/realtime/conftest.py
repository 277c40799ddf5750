from collections.abc import AsyncGenerator
from uuid import UUID, uuid4

import pytest

from app.core.config import Settings
from app.realtime.hub import Hub
from tests.conftest import settings_for
from tests.support.databases import Databases
from tests.support.service import Service
from tests.support.websocket_room import Room, make_room
from tests.support.websocket_server import OpenRoom, hub_of, open_room


@pytest.fixture(scope="session")
async def shared_server(
    settings: Settings, databases: Databases, migrated: str
) -> AsyncGenerator[Room]:
    """A room on the server that most tests share, with a database of its own."""
    url = await databases.copy(migrated)
    async with open_room(settings.model_copy(update={"DATABASE_URL": url})) as room:
        yield room


@pytest.fixture
async def room(shared_server: Room) -> Room:
    """The room of a new project on the shared server."""
    return await make_room(shared_server.service, shared_server.address)


@pytest.fixture
def own_room(own_url: str) -> OpenRoom:
    """Open a room on a separate server, with these settings."""
    return lambda **settings: open_room(settings_for(own_url, **settings))


@pytest.fixture
async def hub(service: Service) -> AsyncGenerator[Hub]:
    hub = hub_of(service)
    yield hub
    for subscriber in [each for room in hub.rooms.values() for each in room.subscribers]:
        await hub.leave(subscriber)


@pytest.fixture
def project_id() -> UUID:
    return uuid4()
