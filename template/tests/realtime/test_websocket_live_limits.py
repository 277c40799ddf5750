"""How much a socket may send, and how often."""

import pytest

from app.realtime import quota
from tests.conftest import settings_for
from tests.support.realtime import Clock
from tests.support.websocket_room import Room
from tests.support.websocket_server import hub_of, open_room


@pytest.mark.parametrize(
    ("sent", "code"), [("x" * 65_537, 1009), (b"x" * 65_537, 1009), (["x" * 40_000] * 2, 1009)]
)
async def test_who_sends_too_much_is_thrown_out_and_the_room_goes_on(
    room: Room, sent: str | bytes | list[str], code: int
) -> None:
    async with room.enter(await room.member()) as loud, room.enter(room.owner) as other:
        await loud.connection.send(sent)

        assert await loud.closed() == code
        await other.expect("presence.left")
        await other.say("quiet again")
        await other.hears("quiet again")


async def test_a_flood_is_dropped_and_its_sender_told(own_url: str) -> None:
    async with open_room(settings_for(own_url)) as room:
        hub_of(room).message_limit = "6/day"
        token = await room.token(room.owner)
        async with room.enter(room.owner, token=token) as flood, room.enter(room.owner) as other:
            await flood.connection.send("no JSON")
            await flood.connection.send(b"no text")
            await flood.send("ping")
            for number in range(6):
                await flood.say(str(number))
            await flood.send("ping")
            answers = [await flood.event() for _ in range(10)]
            await other.say("and yet")
            heard = [(await other.expect("message"))["text"] for _ in range(4)]
            await flood.hears("and yet")

    kinds = [str(answer.get("code", answer["type"])) for answer in answers]
    assert kinds[:3] == ["invalid_json", "binary", "pong"]
    assert sorted(kinds[3:]) == ["message"] * 3 + ["rate_limited"] * 4
    assert heard == ["0", "1", "2", "and yet"]


async def test_after_a_flood_the_sender_is_heard_again(
    own_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock()
    monkeypatch.setattr(quota, "monotonic", clock.monotonic)
    async with open_room(settings_for(own_url)) as room:
        hub_of(room).message_limit = "1/second"
        async with room.enter(room.owner) as visitor:
            await visitor.say("first")
            await visitor.hears("first")
            await visitor.say("dropped")
            await visitor.refused("rate_limited")
            clock.now += 1
            await visitor.goes_on()
