"""Two processes of the service, on one Redis and one database, share their rooms."""

import asyncio
import json
from asyncio import TaskGroup
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from uuid import uuid4

import pytest
from websockets.exceptions import ConnectionClosed

from app.models import User
from tests.conftest import settings_for
from tests.support.databases import Databases
from tests.support.realtime_redis import run_unhurried
from tests.support.redis_server import open_redis_server
from tests.support.service import Service, running_with
from tests.support.waiting import eventually
from tests.support.websocket_process import Serving, make_room_on_both, serve_twice
from tests.support.websocket_room import Room, RoomClient

Pair = tuple[Serving, Serving]


@dataclass
class Chat:
    """A connection that receives everything and posts all the time."""

    client: RoomClient
    received: set[str] = field(default_factory=set)
    gone: set[str] = field(default_factory=set)

    async def listen(self) -> None:
        with suppress(ConnectionClosed):
            async for received in self.client.connection:
                event = json.loads(received)
                match event["type"]:
                    case "message":
                        self.received.add(event["text"])
                    case "presence.left":
                        self.gone.add(event["user_id"])

    async def talk(self) -> None:
        while True:
            await self.reaches(self)

    async def reaches(self, *others: "Chat") -> None:
        """Post something new until all of them have received it."""
        text = f"{uuid4()}"

        async def received() -> bool:
            await self.client.post(text)
            return all(text in other.received for other in others)

        await eventually(received)


@asynccontextmanager
async def chatting(room: Room, user: User) -> AsyncGenerator[Chat]:
    async with room.join(user) as client, TaskGroup() as tasks:
        chat = Chat(client)
        started = [tasks.create_task(chat.listen()), tasks.create_task(chat.talk())]
        yield chat
        for task in started:
            task.cancel()


async def sees(newcomer: User, room: Room, *users: User) -> None:
    """Join until `ready` names all the users."""
    token = await room.token(newcomer)

    async def present() -> bool:
        async with room.join(newcomer, token=token) as client:
            names = {user["user_id"] for user in client.ready["present"]}
        return names >= {str(user.id) for user in users}

    await eventually(present)


@pytest.fixture(scope="module")
async def service(databases: Databases, migrated: str) -> AsyncGenerator[Service]:
    url = await databases.copy(migrated)
    async with running_with(settings_for(url)) as service:
        yield service


@pytest.fixture(scope="module")
async def pair(service: Service) -> AsyncGenerator[Pair]:
    async with serve_twice(service, run_unhurried) as pair:
        yield pair


async def test_room_spans_processes(service: Service, pair: Pair) -> None:
    here, there = await make_room_on_both(service, *pair)
    bob = await here.add_member()
    async with here.join(here.owner) as ada:
        async with there.join(bob) as first:
            assert str(here.owner.id) in [user["user_id"] for user in first.ready["present"]]
            assert (await ada.event())["type"] == "presence.joined"
            async with here.join(bob):
                await first.post("from there")
                assert (await ada.event())["text"] == "from there"
            await ada.post("from here")
            assert (await ada.event())["text"] == "from here"
            await first.receives("from there", "from here")
            token = await here.token(here.owner)
            assert await pair[1].call("PATCH", here.path, token, name="Apollo") == 200
            for client in (ada, first):
                assert (await client.expect("project.updated"))["project"]["name"] == "Apollo"
        assert (await ada.event())["type"] == "presence.left"


async def test_access_is_revoked_in_every_process(service: Service, pair: Pair) -> None:
    here, there = await make_room_on_both(service, *pair)
    bob = await here.add_member()
    owner, revoked = await here.token(here.owner), await here.token(here.owner)
    async with there.join(bob) as removed:
        assert await pair[0].call("DELETE", f"{here.members}/{bob.id}", owner) == 204
        assert await removed.close_code() == 4403
    async with there.join(here.owner, token=revoked) as logged_out:
        assert await pair[0].call("POST", "/api/v1/auth/logout", revoked) == 204
        assert await logged_out.close_code() == 4401
    async with there.join(here.owner) as client:
        assert await pair[0].call("DELETE", here.path, owner) == 204
        await client.expect("project.deleted")
        assert await client.close_code() == 4404


async def test_rooms_survive_an_outage_of_redis(committed_service: Service) -> None:
    with open_redis_server() as redis:
        async with serve_twice(committed_service, run_unhurried, REDIS_URL=redis.url) as pair:
            here, there = await make_room_on_both(committed_service, *pair)
            bob = await here.add_member()
            async with (
                chatting(here, here.owner) as ada,
                chatting(here, here.owner) as again,
                chatting(there, bob) as remote,
            ):
                await ada.reaches(ada, again, remote)
                redis.kill()
                await asyncio.gather(*(process.becomes(503) for process in pair))
                await ada.reaches(ada, again)
                await remote.reaches(remote)
                redis.start_again()
                await asyncio.gather(*(process.becomes(200) for process in pair))
                await ada.reaches(ada, again, remote)
                await remote.reaches(ada, again, remote)
                newcomer = await here.add_member()
                await sees(newcomer, there, here.owner, bob)
                await sees(newcomer, here, here.owner, bob)
                for chat in (ada, again, remote):
                    assert chat.gone <= {str(newcomer.id)}


async def test_revocation_in_an_outage_applies_afterwards(committed_service: Service) -> None:
    with open_redis_server() as redis:
        async with serve_twice(committed_service, run_unhurried, REDIS_URL=redis.url) as pair:
            here, _ = await make_room_on_both(committed_service, *pair)
            token = await here.token(here.owner)
            async with here.join(here.owner, token=token) as client:
                redis.kill()
                assert await pair[1].call("POST", "/api/v1/auth/logout", token) == 204
                await client.stays_open()
                redis.start_again()
                assert await client.close_code() == 4401
