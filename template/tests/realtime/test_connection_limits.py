"""How many connections a user, an address and a process may have."""

import asyncio
from contextlib import suppress
from uuid import uuid4

import pytest
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import InvalidStatus

from app.db import session as db_session
from tests.support.service import assert_problem
from tests.support.waiting import PAUSE, eventually
from tests.support.websocket_room import Room
from tests.support.websocket_server import OpenRoom


async def can_join_again(room: Room, token: str) -> None:
    """Return once the server has noticed that somebody left."""

    async def accepted() -> bool:
        with suppress(InvalidStatus):
            await (await room.connect(token)).close()
            return True
        return False

    await eventually(accepted)


async def test_user_and_process_have_a_limit_of_connections(own_room: OpenRoom) -> None:
    async with own_room(WEBSOCKET_MAX_PER_USER=2, WEBSOCKET_MAX_CONNECTIONS=3) as room:
        token, other = await room.token(room.owner), await room.add_member()
        late = await room.token(await room.add_member())
        async with room.join(room.owner):
            async with room.join(room.owner):
                assert_problem(await room.rejection(token), 429)
                async with room.join(other):
                    full = await room.rejection(late)
                    assert_problem(full, 503)
                    assert int(full.headers["Retry-After"]) > 0
            await can_join_again(room, token)
            await can_join_again(room, late)


@pytest.mark.parametrize(
    ("limit", "status"), [("WEBSOCKET_MAX_PER_USER", 429), ("WEBSOCKET_MAX_CONNECTIONS", 503)]
)
async def test_parallel_handshakes_are_limited(own_room: OpenRoom, limit: str, status: int) -> None:
    async with own_room(**{limit: 3}) as room:
        token = await room.token(room.owner)
        handshakes = (room.connect(token) for _ in range(9))
        answers = await asyncio.gather(*handshakes, return_exceptions=True)
        accepted = [answer for answer in answers if isinstance(answer, ClientConnection)]
        rejected = [answer for answer in answers if isinstance(answer, InvalidStatus)]
        for connection in accepted:
            await connection.close()

    assert len(accepted) == 3
    assert [answer.response.status_code for answer in rejected] == [status] * 6


async def test_rejected_handshakes_do_not_count(own_room: OpenRoom) -> None:
    async with own_room(WEBSOCKET_MAX_CONNECTIONS=1, WEBSOCKET_MAX_PER_USER=1) as room:
        token = await room.token(room.owner)
        await room.rejection("x")
        await room.rejection(token, project=uuid4())
        await room.rejection(token, origin="https://evil.example")

        await room.accepts(room.owner, token=token)


async def test_handshakes_count_towards_the_rate_limit(own_room: OpenRoom) -> None:
    limits = {
        "RATE_LIMIT_ENABLED": True,
        "RATE_LIMIT_ADDRESSES": True,
        "RATE_LIMIT_CALLER": "3/hour",
    }
    async with own_room(**limits) as room:
        token = await room.token(room.owner)
        for _ in range(2):
            await room.rejection("x")
        async with room.join(room.owner, token=token):
            rejected = await room.rejection(token)

    assert_problem(rejected, 429)
    assert int(rejected.headers["Retry-After"]) > 0


async def test_handshake_without_database_gets_503(
    own_room: OpenRoom, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Fires early without harm: only the rejected handshake waits for a connection.
    monkeypatch.setattr(db_session, "POOL_TIMEOUT_SECONDS", PAUSE)
    async with own_room(DATABASE_POOL_SIZE=1) as room:
        token = await room.token(room.owner)
        async with room.service.database.engine.connect():
            rejected = await room.rejection(token)

        assert_problem(rejected, 503)
        assert int(rejected.headers["Retry-After"]) > 0
        await room.accepts(room.owner, token=token)


async def test_connections_hold_no_database_connection(own_room: OpenRoom) -> None:
    async with own_room(DATABASE_POOL_SIZE=1) as room:
        member = await room.add_member()
        async with room.join(room.owner), room.join(member):
            await room.call(member, "GET", room.path)
