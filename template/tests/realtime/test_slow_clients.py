"""Clients that do not read, on a server whose kernel buffers as little as possible for them."""

import asyncio
import socket
from asyncio import TaskGroup
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager

import pytest

from app.models import User
from tests.conftest import settings_for
from tests.support.waiting import patience
from tests.support.websocket_room import Room, RoomClient
from tests.support.websocket_server import HOST, hub_of, open_room

CLIENTS = 200
BATCH, BATCHES = 15, 10  # fewer than a queue holds; more than a queue and the kernel together
BUFFER = 4096  # bytes
TEXT = "x" * 4000


@pytest.fixture
async def crowded(own_url: str) -> AsyncGenerator[Room]:
    settings = settings_for(own_url, WEBSOCKET_MAX_PER_USER=CLIENTS)
    async with open_room(settings, SO_SNDBUF=BUFFER) as room:
        hub_of(room.service).message_limit = "10000/second"
        yield room


@asynccontextmanager
async def join_without_reading(room: Room, user: User) -> AsyncGenerator[RoomClient]:
    connected = socket.socket()
    connected.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER)
    connected.setblocking(False)
    port = int(room.address.split(":")[1])
    await asyncio.get_running_loop().sock_connect(connected, (HOST, port))
    async with room.join(user, sock=connected) as client:
        client.connection.transport.pause_reading()
        yield client


async def close_code_once_dropped(room: Room, slow: RoomClient) -> int:
    async with room.join(await room.add_member()) as watcher:
        while (await watcher.event())["type"] != "presence.left":
            continue
    slow.connection.transport.resume_reading()
    return await slow.close_code()


async def test_slow_client_is_dropped_and_delays_no_other(crowded: Room) -> None:
    token = await crowded.token(crowded.owner)
    async with (
        AsyncExitStack() as stack,
        join_without_reading(crowded, await crowded.add_member()) as slow,
        TaskGroup() as tasks,
    ):
        code = tasks.create_task(close_code_once_dropped(crowded, slow))
        others = [
            await stack.enter_async_context(crowded.join(crowded.owner, token=token))
            for _ in range(CLIENTS - 1)
        ]
        for batch in range(BATCHES):
            texts = [f"{batch} {number} {TEXT}"[:4000] for number in range(BATCH)]
            for number, text in enumerate(texts):
                await others[number].post(text)
                await others[0].receives(text)
            async with patience():
                await asyncio.gather(*(each.receives(*texts) for each in others[1:]))

    assert code.result() == 1013


async def test_late_reader_misses_nothing_before_the_close(crowded: Room) -> None:
    texts = [f"{number} {TEXT}"[:4000] for number in range(40)]
    bob = await crowded.add_member()
    async with join_without_reading(crowded, bob) as late, crowded.join(crowded.owner) as sender:
        for text in texts:
            await sender.post(text)
            await sender.receives(text)
        await crowded.call(crowded.owner, "DELETE", f"{crowded.members}/{bob.id}")
        await sender.expect("presence.left")

        late.connection.transport.resume_reading()
        await late.receives(*texts)
        assert await late.close_code() == 4403
