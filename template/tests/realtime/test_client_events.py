"""Events from clients: invalid ones and too many of them."""

import json
from typing import Any

import pytest

from app.realtime import limits
from tests.support.realtime import Clock
from tests.support.websocket_room import Room
from tests.support.websocket_server import OpenRoom, hub_of

DEEP = "[" * 5000 + "]" * 5000
SECRET = "hunter2"


def message(text: Any, **fields: Any) -> str:
    return json.dumps({"type": "message", "text": text} | fields)


NO_JSON = ["", SECRET, f'{{"type": "message", "text": "{SECRET}"', f'{{"type": "ping"}} {SECRET}']
NO_TEXT = [f"{SECRET}\0", f"{SECRET}\x1b[2J", SECRET + "x" * 3994, "", 7, None, [SECRET]]
NO_EVENT = [
    *map(message, NO_TEXT),
    message(SECRET, extra=1),
    '{"type": "message"}',
    '{"type": "ping", "text": "x"}',
    f'{{"type": "{SECRET}"}}',
    '{"type": null}',
    '{"type": ["message"]}',
    '{"type": "ready"}',
    f'{{"text": "{SECRET}"}}',
    "{}",
    "[]",
    "null",
    f'"{SECRET}"',
]
EITHER = [
    DEEP,
    f'{{"type": "message", "text": {DEEP}}}',
    '{"type": "message", "text": NaN}',
    "9" * 5000,
    message(f"{SECRET}\ud800"),
]
BINARY = [b"\x00\xff", message(SECRET).encode()]


@pytest.mark.parametrize(
    ("inputs", "codes"),
    [
        (NO_JSON, {"invalid_json"}),
        (NO_EVENT, {"invalid_event"}),
        (EITHER, {"invalid_json", "invalid_event"}),
        (BINARY, {"binary"}),
    ],
    ids=["no JSON", "no event", "either", "binary"],
)
async def test_invalid_event_is_an_error_for_its_sender_alone(
    own_room: OpenRoom, inputs: list[str | bytes], codes: set[str]
) -> None:
    async with own_room() as room:
        hub_of(room.service).message_limit = "100/second"
        bob = await room.add_member()
        async with room.join(room.owner) as sender, room.join(bob) as other:
            for each in inputs:
                await sender.connection.send(each)
                error = await sender.expect("error")
                assert set(error) == {"type", "code", "detail"}
                assert error["code"] in codes, each
                assert SECRET not in str(error)
                assert "\n" not in error["detail"]
                await sender.stays_open()
                await other.receives("still here")


@pytest.mark.parametrize(
    "sent",
    ["x" * 65_537, b"x" * 65_537, ["x" * 40_000] * 2],
    ids=["text", "binary", "fragments"],
)
async def test_oversized_message_gets_1009(room: Room, sent: str | bytes | list[str]) -> None:
    async with room.join(await room.add_member()) as loud, room.join(room.owner) as other:
        await loud.connection.send(sent)

        assert await loud.close_code() == 1009
        await other.expect("presence.left")
        await other.stays_open()


async def test_messages_above_the_rate_limit_are_dropped(own_room: OpenRoom) -> None:
    async with own_room() as room:
        hub_of(room.service).message_limit = "6/day"
        token = await room.token(room.owner)
        async with room.join(room.owner, token=token) as flood, room.join(room.owner) as other:
            await flood.connection.send("no JSON")
            await flood.connection.send(b"no text")
            await flood.send("ping")
            for number in range(6):
                await flood.post(str(number))
            await flood.send("ping")
            answers = [await flood.event() for _ in range(10)]
            await other.post("and yet")
            await other.receives("0", "1", "2", "and yet")
            await flood.receives("and yet")

    kinds = [str(answer.get("code", answer["type"])) for answer in answers]
    assert kinds[:3] == ["invalid_json", "binary", "pong"]
    assert answers[2] == {"type": "pong"}
    assert sorted(kinds[3:]) == ["message"] * 3 + ["rate_limited"] * 4


async def test_rate_limit_ends_in_time(own_room: OpenRoom, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    monkeypatch.setattr(limits, "monotonic", clock.monotonic)
    async with own_room() as room:
        hub_of(room.service).message_limit = "1/second"
        async with room.join(room.owner) as client:
            await client.stays_open()
            await client.post("dropped")
            await client.gets_error("rate_limited")
            clock.now += 1
            await client.stays_open()
