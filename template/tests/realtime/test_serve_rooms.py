"""`serve` with open connections, as its operator sees it."""

import asyncio
import signal
from contextlib import AsyncExitStack

from app.server.options import MAX_BYTES
from tests.support.service import Service
from tests.support.websocket_process import serve
from tests.support.websocket_room import make_room

CLIENTS = 50


async def test_shutdown_closes_every_connection(committed_service: Service) -> None:
    async with serve(committed_service, WEBSOCKET_MAX_PER_USER="50") as server:
        room = await make_room(committed_service, server.address)
        token = await room.token(room.owner)
        async with AsyncExitStack() as stack:
            clients = [
                await stack.enter_async_context(room.join(room.owner, token=token))
                for _ in range(CLIENTS)
            ]
            server.process.send_signal(signal.SIGTERM)
            codes = await asyncio.gather(*(client.close_code() for client in clients))
            printed = await server.ended()

    assert set(codes) <= {1001, 1012}
    assert "Application shutdown complete." in printed
    assert "Traceback" not in printed
    assert server.process.returncode == 0


async def test_serve_limits_message_size_and_logs_no_secrets(committed_service: Service) -> None:
    async with serve(committed_service, LOG_LEVEL="DEBUG") as server:
        room = await make_room(committed_service, server.address)
        token, queried = await room.token(room.owner), await room.token(room.owner)
        await room.rejection(token, origin="https://evil.example")
        await room.rejection(None, url=f"{room.url}?token={queried}")
        async with room.join(room.owner, token=token) as client:
            await client.post("the text of a message")
            await client.receives("the text of a message")
            await client.post("x" * MAX_BYTES)
            assert await client.close_code() == 1009
        server.process.send_signal(signal.SIGTERM)
        printed = await server.ended()

    assert str(room.project.id) in printed
    assert "[error" not in printed
    for secret in (token, queried, "the text of a message"):
        assert secret not in printed
