"""A full room, in which one socket is never read."""

import asyncio
import socket
from contextlib import AsyncExitStack

from tests.conftest import settings_for
from tests.websocket_server import HOST, open_room
from tests.websocket_visitor import DEADLINE, Visitor

SOCKETS = 200
BATCH, BATCHES = 15, 10  # fewer than a queue holds; more than a queue and the kernel together
TEXT = "x" * 4000
SMALL = 4096  # bytes: as little as the kernel buffers for a socket


async def hears_all(visitor: Visitor, texts: list[str]) -> None:
    for text in texts:
        await visitor.hears(text)


async def test_who_never_reads_is_dropped_and_keeps_nobody_waiting(own_url: str) -> None:
    settings = settings_for(
        own_url, WEBSOCKET_MAX_PER_USER=SOCKETS, WEBSOCKET_MESSAGES="10000/second"
    )
    async with open_room(settings, SO_SNDBUF=SMALL) as room, AsyncExitStack() as stack:
        slow = await stack.enter_async_context(
            room.enter(await room.member(), sock=await small_socket(room.address))
        )
        slow.connection.transport.pause_reading()
        token = await room.token(room.owner)
        entering = [room.enter(room.owner, token=token) for _ in range(SOCKETS - 1)]
        others = [await stack.enter_async_context(each) for each in entering]

        for batch in range(BATCHES):
            texts = [f"{batch} {number} {TEXT}"[:4000] for number in range(BATCH)]
            for number, text in enumerate(texts):
                await others[number].say(text)
                await others[0].hears(text)
            async with asyncio.timeout(DEADLINE):
                await asyncio.gather(*(hears_all(each, texts) for each in others[1:]))

        slow.connection.transport.resume_reading()
        assert await slow.closed() == 1013


async def small_socket(address: str) -> socket.socket:
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL)
    client.setblocking(False)
    await asyncio.get_running_loop().sock_connect(client, (HOST, int(address.split(":")[1])))
    return client
