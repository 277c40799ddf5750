"""Redis is killed and started again while rooms are full of talk."""

import asyncio
import json
from asyncio import TaskGroup
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from uuid import uuid4

from websockets.exceptions import ConnectionClosed

from app.models import User
from tests.support.realtime_redis import run_unhurried
from tests.support.redis_server import open_redis_server
from tests.support.service import Service
from tests.support.waiting import eventually
from tests.support.websocket_process import make_room_between, serve_twice
from tests.support.websocket_room import Room
from tests.support.websocket_visitor import Visitor


async def test_rooms_survive_the_death_of_redis(committed_service: Service) -> None:
    with open_redis_server() as redis:
        async with serve_twice(committed_service, run_unhurried, REDIS_URL=redis.url) as pair:
            here, there = await make_room_between(committed_service, *pair)
            bob = await here.member()
            async with (
                chatting(here, here.owner) as ada,
                chatting(here, here.owner) as beside,
                chatting(there, bob) as across,
            ):
                await ada.reaches(ada, beside, across)
                redis.kill()
                await asyncio.gather(*(process.becomes(503) for process in pair))
                await ada.reaches(ada, beside)
                await across.reaches(across)
                redis.start_again()
                await asyncio.gather(*(process.becomes(200) for process in pair))
                await ada.reaches(ada, beside, across)
                await across.reaches(ada, beside, across)
                newcomer = await here.member()
                await sees(newcomer, there, here.owner, bob)
                await sees(newcomer, here, here.owner, bob)
                for chat in (ada, beside, across):
                    assert chat.gone <= {str(newcomer.id)}


async def test_a_right_taken_away_without_redis_ends_when_it_is_back(
    committed_service: Service,
) -> None:
    with open_redis_server() as redis:
        async with serve_twice(committed_service, run_unhurried, REDIS_URL=redis.url) as pair:
            here, _ = await make_room_between(committed_service, *pair)
            token = await here.token(here.owner)
            async with here.enter(here.owner, token=token) as visitor:
                redis.kill()
                assert await pair[1].call("POST", "/api/v1/auth/logout", token) == 204
                await visitor.goes_on()
                redis.start_again()
                assert await visitor.closed() == 4401


@dataclass
class Chat:
    """A socket that hears everything, and says something all the time."""

    visitor: Visitor
    heard: set[str] = field(default_factory=set)
    gone: set[str] = field(default_factory=set)

    async def listen(self) -> None:
        with suppress(ConnectionClosed):
            async for received in self.visitor.connection:
                event = json.loads(received)
                match event["type"]:
                    case "message":
                        self.heard.add(event["text"])
                    case "presence.left":
                        self.gone.add(event["user_id"])

    async def talk(self) -> None:
        while True:
            await self.reaches(self)

    async def reaches(self, *others: "Chat") -> None:
        """Says something new until all of them have heard it."""
        text = f"{uuid4()}"

        async def heard() -> bool:
            await self.visitor.say(text)
            return all(text in other.heard for other in others)

        await eventually(heard)


@asynccontextmanager
async def chatting(room: Room, user: User) -> AsyncGenerator[Chat]:
    async with room.enter(user) as visitor, TaskGroup() as tasks:
        chat = Chat(visitor)
        started = [tasks.create_task(chat.listen()), tasks.create_task(chat.talk())]
        yield chat
        for task in started:
            task.cancel()


async def sees(newcomer: User, room: Room, *users: User) -> None:
    """Who comes in is told that they are present, sooner or later."""
    token = await room.token(newcomer)

    async def present() -> bool:
        async with room.enter(newcomer, token=token) as visitor:
            there = {user["user_id"] for user in visitor.ready["present"]}
        return there >= {str(user.id) for user in users}

    await eventually(present)
