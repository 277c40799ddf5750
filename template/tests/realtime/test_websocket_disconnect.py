"""A client that goes away before it is answered."""

import pytest
from starlette.types import Message, Scope
from structlog.testing import capture_logs

from tests.support.websocket_room import Room


class Gone(OSError):
    """What the server raises then, in its own words."""


async def receive() -> Message:
    return {"type": "websocket.connect"}


async def send(message: Message) -> None:
    raise Gone


def handshake(room: Room, *subprotocols: str) -> Scope:
    path = f"/api/v1/ws/projects/{room.project.id}"
    return {
        "type": "websocket",
        "path": path,
        "raw_path": path.encode(),
        "root_path": "",
        "query_string": b"",
        "headers": [(b"host", b"localhost")],
        "client": ("127.0.0.1", 1),
        "subprotocols": list(subprotocols),
        "extensions": {"websocket.http.response": {}},
    }


@pytest.mark.parametrize("answer", ["accepted", "refused"])
async def test_who_goes_away_during_the_handshake_is_no_error(room: Room, answer: str) -> None:
    token = await room.token(room.owner)
    scope = handshake(room, "bearer", token if answer == "accepted" else "x")

    with capture_logs() as log, pytest.raises(Gone):
        await room.service.app(scope, receive, send)

    assert log == []
    await room.lets_in(room.owner)
