"""Who may join a room, and how the others are rejected."""

from typing import Any
from uuid import uuid4

import pytest
from starlette.types import Message, Scope
from structlog.testing import capture_logs

from app.core.clock import utc_now
from app.core.tokens import read_access_token
from app.main import create_app
from app.models import User
from tests.conftest import settings_for
from tests.support.clock import later
from tests.support.factories import make_organization, make_project
from tests.support.service import assert_problem
from tests.support.websocket_room import Room
from tests.support.websocket_server import open_room

ALLOWED = "http://localhost:3000"


async def test_member_joins_by_subprotocol(room: Room) -> None:
    token = await room.token(room.owner)
    expires_at = read_access_token(room.service.settings, token).expires_at
    async with room.join(room.owner, token=token) as client:
        assert client.connection.subprotocol == "bearer"
        assert client.ready["project_id"] == str(room.project.id)
        assert client.ready["expires_at"] == expires_at.isoformat().replace("+00:00", "Z")


async def test_connection_is_never_compressed(room: Room) -> None:
    async with room.join(room.owner, compression="deflate") as client:
        response = client.connection.response
        assert response
        assert "Sec-WebSocket-Extensions" not in response.headers


async def test_allowed_origin_is_accepted(room: Room) -> None:
    await room.accepts(room.owner, origin=ALLOWED)


@pytest.mark.parametrize(
    "origin", ["https://evil.example", f"{ALLOWED}.evil.example", "null", "HTTP://localhost"]
)
async def test_other_origins_get_403(room: Room, origin: str) -> None:
    assert_problem(await room.rejection(await room.token(room.owner), origin=origin), 403)


async def test_token_in_the_query_or_a_cookie_is_ignored(room: Room) -> None:
    token = await room.token(room.owner)
    options: list[dict[str, Any]] = [
        {},
        {"url": f"{room.url}?token={token}&access_token={token}"},
        {"additional_headers": {"Cookie": f"token={token}; access_token={token}"}},
    ]
    for each in options:
        assert_problem(await room.rejection(None, **each), 401)


@pytest.mark.parametrize(
    "subprotocols", [["bearer"], ["{token}"], ["{token}", "bearer"], ["basic", "{token}"]]
)
async def test_other_subprotocols_get_401(room: Room, subprotocols: list[str]) -> None:
    token = await room.token(room.owner)
    given = [subprotocol.format(token=token) for subprotocol in subprotocols]

    assert_problem(await room.rejection(None, subprotocols=given), 401)


async def test_malformed_forged_and_expired_tokens_get_401(room: Room) -> None:
    header, payload, signature = (await room.token(room.owner)).split(".")
    with later(-3600):
        old = await room.token(room.owner)
    with later(-60 * room.service.settings.ACCESS_TOKEN_EXPIRE_MINUTES - 1):
        just_expired = await room.token(room.owner)

    forged = (f"{header}.{payload}.{signature[::-1]}", f"{header}.{payload}.")
    for token in ("x", *forged, old, just_expired):
        assert_problem(await room.rejection(token), 401)


async def test_token_of_a_revoked_session_gets_401(room: Room) -> None:
    token = await room.token(room.owner)
    async with room.service.client(token) as client:
        await client.post("/api/v1/auth/logout")

    rejected = await room.rejection(token)

    assert_problem(rejected, 401)
    assert rejected.headers["WWW-Authenticate"].startswith("Bearer")


async def test_inactive_user_gets_403(room: Room) -> None:
    user = await room.add_member()
    token = await room.token(user)
    async with room.service.database.write() as session:
        (await session.get_one(User, user.id)).is_active = False
        await session.commit()

    assert_problem(await room.rejection(token), 403)


async def test_projects_of_others_look_like_missing_ones(room: Room) -> None:
    mine, strangers = await room.token(room.owner), await room.token(await room.stranger())
    deleted = await room.service.make(make_organization, room.owner, deleted_at=utc_now())
    project = await room.service.make(make_project, deleted)
    rejections = [
        await room.rejection(strangers),
        await room.rejection(mine, project=uuid4()),
        await room.rejection(mine, project="apollo"),
        await room.rejection(mine, project=project.id),
    ]

    for rejected in rejections:
        assert_problem(rejected, 404)
    assert len({rejected.json()["detail"] for rejected in rejections}) == 1


@pytest.mark.parametrize(
    "path", ["/", "/api/v1/ws/projects", "/api/v1/users/me", "/api/v1/ws/rooms/1"]
)
async def test_other_paths_get_404(room: Room, path: str) -> None:
    token = await room.token(room.owner)

    assert_problem(await room.rejection(token, url=f"ws://{room.address}{path}"), 404)


async def test_other_host_names_get_400(own_url: str) -> None:
    settings = settings_for(own_url, ALLOWED_HOSTS="127.0.0.1")
    async with open_room(settings, create_app(settings)) as room:
        host, port = room.address.split(":")
        url = room.url.replace(room.address, "elsewhere.example")
        token = await room.token(room.owner)

        assert_problem(await room.rejection(token, url=url, host=host, port=port), 400)
        await room.accepts(room.owner)


class ClientGone(OSError):
    """Raised by a server when the client has gone."""


@pytest.mark.parametrize("valid", [True, False])
async def test_disconnect_during_the_handshake_is_no_error(room: Room, valid: bool) -> None:
    async def receive() -> Message:
        return {"type": "websocket.connect"}

    async def send(message: Message) -> None:
        raise ClientGone

    path = f"/api/v1/ws/projects/{room.project.id}"
    scope: Scope = {
        "type": "websocket",
        "path": path,
        "raw_path": path.encode(),
        "root_path": "",
        "query_string": b"",
        "headers": [(b"host", b"localhost")],
        "client": ("127.0.0.1", 1),
        "subprotocols": ["bearer", await room.token(room.owner) if valid else "x"],
        "extensions": {"websocket.http.response": {}},
    }
    with capture_logs() as log, pytest.raises(ClientGone):
        await room.service.app(scope, receive, send)

    assert log == []
    await room.accepts(room.owner)
