"""What becomes of input that is no message."""

import json
from typing import Any

import pytest

from tests.conftest import settings_for
from tests.support.websocket_server import hub_of, open_room

DEEP = "[" * 5000 + "]" * 5000
SECRET = "hunter2"


def message(text: Any, **fields: Any) -> str:
    return json.dumps({"type": "message", "text": text} | fields)


NO_JSON = ["", SECRET, f'{{"type": "message", "text": "{SECRET}"', f'{{"type": "ping"}} {SECRET}']
NO_EVENT = [
    message(f"{SECRET}\0"),
    message(f"{SECRET}\x1b[2J"),
    message(SECRET + "x" * 3994),
    message(""),
    message(7),
    message(None),
    message([SECRET]),
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
)
async def test_input_that_is_no_message_is_an_error_for_its_sender_alone(
    own_url: str, inputs: list[str | bytes], codes: set[str]
) -> None:
    async with open_room(settings_for(own_url)) as room:
        hub_of(room).message_limit = "100/second"
        bob = await room.member()
        async with room.enter(room.owner) as sender, room.enter(bob) as other:
            for each in inputs:
                await sender.connection.send(each)
                error = await sender.expect("error")
                assert set(error) == {"type", "code", "detail"}
                assert error["code"] in codes, each
                assert SECRET not in str(error)
                assert "\n" not in error["detail"]
                await sender.goes_on()
                await other.hears("we go on")
