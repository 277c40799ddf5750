"""Who gets into a room, and what those are told who do not."""

from typing import Any
from uuid import uuid4

import pytest

from app.core.clock import utc_now
from app.main import create_app
from app.models import Organization, User
from tests.conftest import settings_for
from tests.support.factories import make_organization, make_project
from tests.support.logins import later
from tests.support.problems import assert_problem
from tests.support.websocket_room import Room
from tests.support.websocket_server import open_room

ALLOWED = "http://localhost:3000"


async def test_a_member_is_let_in_by_subprotocol(room: Room) -> None:
    async with room.enter(room.owner) as visitor:
        assert visitor.connection.subprotocol == "bearer"
        assert visitor.ready["project_id"] == str(room.project.id)
        assert visitor.ready["user_id"] == str(room.owner.id)


async def test_a_socket_is_not_compressed_even_if_the_client_offers_it(room: Room) -> None:
    async with room.enter(room.owner, compression="deflate") as visitor:
        response = visitor.connection.response
        assert response
        assert "Sec-WebSocket-Extensions" not in response.headers


async def test_a_page_of_an_allowed_origin_is_let_in(room: Room) -> None:
    await room.lets_in(room.owner, origin=ALLOWED)


@pytest.mark.parametrize(
    "origin", ["https://evil.example", f"{ALLOWED}.evil.example", "null", "HTTP://localhost"]
)
async def test_a_page_of_another_origin_is_not(room: Room, origin: str) -> None:
    assert_problem(await room.refusal(await room.token(room.owner), origin=origin), 403)


async def test_a_token_is_not_taken_from_the_query_or_a_cookie(room: Room) -> None:
    token = await room.token(room.owner)
    url = f"ws://{room.address}/api/v1/ws/projects/{room.project.id}?token={token}"
    places: list[dict[str, Any]] = [
        {},
        {"url": f"{url}&access_token={token}"},
        {"additional_headers": {"Cookie": f"token={token}; access_token={token}"}},
    ]
    for place in places:
        assert_problem(await room.refusal(None, **place), 401)


@pytest.mark.parametrize(
    "subprotocols", [["bearer"], ["{token}"], ["{token}", "bearer"], ["basic", "{token}"]]
)
async def test_subprotocols_other_than_bearer_and_a_token_are_refused(
    room: Room, subprotocols: list[str]
) -> None:
    token = await room.token(room.owner)
    given = [subprotocol.format(token=token) for subprotocol in subprotocols]

    assert_problem(await room.refusal(None, subprotocols=given), 401)


async def test_a_token_that_is_malformed_forged_or_expired_is_refused(room: Room) -> None:
    good = await room.token(room.owner)
    header, payload, signature = good.split(".")
    with later(-3600):
        old = await room.token(room.owner)
    with later(-60 * room.service.settings.ACCESS_TOKEN_EXPIRE_MINUTES - 1):
        just_expired = await room.token(room.owner)

    forged = (f"{header}.{payload}.{signature[::-1]}", f"{header}.{payload}.")
    for token in ("x", *forged, old, just_expired):
        assert_problem(await room.refusal(token), 401)


async def test_a_token_whose_session_has_ended_is_refused(room: Room) -> None:
    client = await room.client(room.owner)
    token = client.headers["Authorization"].removeprefix("Bearer ")
    await client.post("/api/v1/auth/logout")

    refused = await room.refusal(token)

    assert_problem(refused, 401)
    assert refused.headers["WWW-Authenticate"].startswith("Bearer")


async def test_an_inactive_user_stays_outside(room: Room) -> None:
    user = await room.member()
    token = await room.token(user)
    async with room.service.database.write() as session:
        (await session.get_one(User, user.id)).is_active = False
        await session.commit()

    assert_problem(await room.refusal(token), 403)


async def test_what_a_stranger_asks_for_does_not_exist(room: Room) -> None:
    mine, strange = await room.token(room.owner), await room.token(await room.stranger())
    async with room.service.database.write() as session:
        gone = await make_organization(session, room.owner)
        project = await make_project(session, gone)
        (await session.get_one(Organization, gone.id)).deleted_at = utc_now()
        await session.commit()
    refusals = [
        await room.refusal(strange),
        await room.refusal(mine, project=uuid4()),
        await room.refusal(mine, project="apollo"),
        await room.refusal(mine, project=project.id),
    ]

    for refused in refusals:
        assert_problem(refused, 404)
    assert len({refused.json()["detail"] for refused in refusals}) == 1


async def test_elsewhere_there_is_no_room(room: Room) -> None:
    token = await room.token(room.owner)
    for path in ("/", "/api/v1/ws/projects", "/api/v1/users/me", "/api/v1/ws/rooms/1"):
        refused = await room.refusal(token, url=f"ws://{room.address}{path}")

        assert_problem(refused, 404)


async def test_another_host_name_is_refused(own_url: str) -> None:
    settings = settings_for(own_url, ALLOWED_HOSTS="127.0.0.1")
    async with open_room(settings, create_app(settings)) as room:
        host, port = room.address.split(":")
        url = f"ws://elsewhere.example/api/v1/ws/projects/{room.project.id}"
        token = await room.token(room.owner)

        assert_problem(await room.refusal(token, url=url, host=host, port=port), 400)
        await room.lets_in(room.owner)
