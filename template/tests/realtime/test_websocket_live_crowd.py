"""Sockets that are not read, on a server whose kernel buffers as little as it may for them."""

import asyncio
import socket
from asyncio import TaskGroup
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager

import pytest

from app.models import User
from tests.conftest import settings_for
from tests.support.waiting import patience
from tests.support.websocket_room import Room
from tests.support.websocket_server import HOST, hub_of, open_room
from tests.support.websocket_visitor import Visitor

SOCKETS = 200
BATCH, BATCHES = 15, 10  # fewer than a queue holds; more than a queue and the kernel together
BUFFER = 4096  # bytes
TEXT = "x" * 4000


@pytest.fixture
async def crowded(own_url: str) -> AsyncGenerator[Room]:
    settings = settings_for(own_url, WEBSOCKET_MAX_PER_USER=SOCKETS)
    async with open_room(settings, SO_SNDBUF=BUFFER) as room:
        hub_of(room).message_limit = "10000/second"
        yield room


@asynccontextmanager
async def enter_without_reading(room: Room, user: User) -> AsyncGenerator[Visitor]:
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER)
    client.setblocking(False)
    port = int(room.address.split(":")[1])
    await asyncio.get_running_loop().sock_connect(client, (HOST, port))
    async with room.enter(user, sock=client) as visitor:
        visitor.connection.transport.pause_reading()
        yield visitor


async def hears_all(visitor: Visitor, texts: list[str]) -> None:
    for text in texts:
        await visitor.hears(text)


async def code_once_dropped(room: Room, slow: Visitor) -> int:
    async with room.enter(await room.member()) as watcher:
        await watcher.reads_until("presence.left")
    slow.connection.transport.resume_reading()
    return await slow.closed()


async def test_who_never_reads_is_dropped_and_keeps_nobody_waiting(crowded: Room) -> None:
    token = await crowded.token(crowded.owner)
    async with (
        AsyncExitStack() as stack,
        enter_without_reading(crowded, await crowded.member()) as slow,
        TaskGroup() as tasks,
    ):
        code = tasks.create_task(code_once_dropped(crowded, slow))
        others = [
            await stack.enter_async_context(crowded.enter(crowded.owner, token=token))
            for _ in range(SOCKETS - 1)
        ]
        for batch in range(BATCHES):
            texts = [f"{batch} {number} {TEXT}"[:4000] for number in range(BATCH)]
            for number, text in enumerate(texts):
                await others[number].say(text)
                await others[0].hears(text)
            async with patience():
                await asyncio.gather(*(hears_all(each, texts) for each in others[1:]))

    assert code.result() == 1013


async def test_who_reads_late_has_missed_nothing_up_to_the_end(crowded: Room) -> None:
    texts = [f"{number} {TEXT}"[:4000] for number in range(40)]
    bob = await crowded.member()
    async with (
        enter_without_reading(crowded, bob) as late,
        crowded.enter(crowded.owner) as speaker,
    ):
        for text in texts:
            await speaker.say(text)
            await speaker.hears(text)
        client = await crowded.client(crowded.owner)
        await client.delete(f"{crowded.members}/{bob.id}")
        await speaker.expect("presence.left")

        late.connection.transport.resume_reading()
        await hears_all(late, texts)
        assert await late.closed() == 4403
