"""How many sockets there may be, of a user, of an address, in a process."""

import asyncio
from contextlib import suppress
from uuid import uuid4

import pytest
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import InvalidStatus

from app.db import session as db_session
from tests.conftest import settings_for
from tests.support.problems import assert_problem
from tests.support.waiting import PAUSE, eventually
from tests.support.websocket_room import Room
from tests.support.websocket_server import open_room


async def test_a_user_has_a_few_sockets_and_no_more(own_url: str) -> None:
    async with open_room(settings_for(own_url, WEBSOCKET_MAX_PER_USER=2)) as room:
        other, token = await room.member(), await room.token(room.owner)
        async with room.enter(room.owner):
            async with room.enter(room.owner):
                assert_problem(await room.refusal(token), 429)
                await room.lets_in(other)
            await enters_again(room, token)


async def test_a_process_has_so_many_sockets_and_no_more(own_url: str) -> None:
    async with open_room(settings_for(own_url, WEBSOCKET_MAX_CONNECTIONS=1)) as room:
        token = await room.token(await room.member())
        async with room.enter(room.owner):
            refused = await room.refusal(token)
            assert_problem(refused, 503)
            assert int(refused.headers["Retry-After"]) > 0
        await enters_again(room, token)


@pytest.mark.parametrize(
    ("limit", "status"), [("WEBSOCKET_MAX_PER_USER", 429), ("WEBSOCKET_MAX_CONNECTIONS", 503)]
)
async def test_who_comes_all_at_once_gets_past_no_limit(
    own_url: str, limit: str, status: int
) -> None:
    async with open_room(settings_for(own_url, **{limit: 3})) as room:
        token = await room.token(room.owner)
        answers = await asyncio.gather(
            *(room.dial(token) for _ in range(9)), return_exceptions=True
        )
        accepted = [answer for answer in answers if isinstance(answer, ClientConnection)]
        refused = [answer for answer in answers if isinstance(answer, InvalidStatus)]
        for connection in accepted:
            await connection.close()

    assert len(accepted) == 3
    assert [answer.response.status_code for answer in refused] == [status] * 6


async def test_the_refused_take_no_place(own_url: str) -> None:
    limits = {"WEBSOCKET_MAX_CONNECTIONS": 1, "WEBSOCKET_MAX_PER_USER": 1}
    async with open_room(settings_for(own_url, **limits)) as room:
        token = await room.token(room.owner)
        await room.refusal("x")
        await room.refusal(token, project=uuid4())
        await room.refusal(token, origin="https://evil.example")

        await room.lets_in(room.owner, token=token)


async def test_handshakes_count_against_the_quota_of_an_address(own_url: str) -> None:
    limits = {
        "RATE_LIMIT_ENABLED": True,
        "RATE_LIMIT_ADDRESSES": True,
        "RATE_LIMIT_CALLER": "3/hour",
    }
    async with open_room(settings_for(own_url, **limits)) as room:
        token = await room.token(room.owner)
        for _ in range(2):
            await room.refusal("x")
        async with room.enter(room.owner, token=token):
            refused = await room.refusal(token)

    assert_problem(refused, 429)
    assert int(refused.headers["Retry-After"]) > 0


async def test_handshake_without_a_database_connection_is_503(
    own_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Fires early without harm: only the refused handshake waits for a connection.
    monkeypatch.setattr(db_session, "POOL_TIMEOUT_SECONDS", PAUSE)
    pool = {"DATABASE_POOL_SIZE": 1, "DATABASE_MAX_OVERFLOW": 0}
    async with open_room(settings_for(own_url, **pool)) as room:
        token = await room.token(room.owner)
        async with room.service.database.engine.connect():
            refused = await room.refusal(token)

        assert_problem(refused, 503)
        assert int(refused.headers["Retry-After"]) > 0
        await room.lets_in(room.owner, token=token)


async def test_a_socket_holds_no_connection_to_the_database(own_url: str) -> None:
    pool = {"DATABASE_POOL_SIZE": 1, "DATABASE_MAX_OVERFLOW": 0}
    async with open_room(settings_for(own_url, **pool)) as room:
        member = await room.member()
        async with room.enter(room.owner), room.enter(member):
            client = await room.client(member)
            assert (await client.get(room.path)).status_code == 200


async def enters_again(room: Room, token: str) -> None:
    """As soon as the server has noticed that somebody left."""

    async def let_in() -> bool:
        with suppress(InvalidStatus):
            await (await room.dial(token)).close()
            return True
        return False

    await eventually(let_in)
