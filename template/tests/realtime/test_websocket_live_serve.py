"""A server with open rooms, as its operator sees it: it ends in order, and tells no secrets."""

import asyncio
import signal
from contextlib import AsyncExitStack

from app.cli import websocket
from tests.support.service import Service
from tests.support.websocket_process import serve
from tests.support.websocket_room import make_room

SOCKETS = 50


async def test_a_server_that_is_told_to_stop_says_so_in_its_rooms(
    committed_service: Service,
) -> None:
    async with serve(committed_service, WEBSOCKET_MAX_PER_USER="50") as server:
        room = await make_room(committed_service, server.address)
        token = await room.token(room.owner)
        async with AsyncExitStack() as stack:
            visitors = [
                await stack.enter_async_context(room.enter(room.owner, token=token))
                for _ in range(SOCKETS)
            ]
            server.process.send_signal(signal.SIGTERM)
            codes = await asyncio.gather(*(visitor.closed() for visitor in visitors))
            printed = await server.ended()

    assert set(codes) <= {1001, 1012}
    assert "Application shutdown complete." in printed
    assert "Traceback" not in printed
    assert server.process.returncode == 0


async def test_serve_limits_what_is_sent_and_logs_no_secrets(committed_service: Service) -> None:
    async with serve(committed_service, LOG_LEVEL="DEBUG") as server:
        room = await make_room(committed_service, server.address)
        token, queried = await room.token(room.owner), await room.token(room.owner)
        url = f"ws://{server.address}/api/v1/ws/projects/{room.project.id}?token={queried}"
        await room.refusal(token, origin="https://evil.example")
        await room.refusal(None, url=url)
        async with room.enter(room.owner, token=token) as visitor:
            await visitor.say("the text of a message")
            await visitor.hears("the text of a message")
            await visitor.say("x" * websocket.MAX_BYTES)
            assert await visitor.closed() == 1009
        server.process.send_signal(signal.SIGTERM)
        printed = await server.ended()

    assert str(room.project.id) in printed
    assert "[error" not in printed
    for secret in (token, queried, "the text of a message"):
        assert secret not in printed
