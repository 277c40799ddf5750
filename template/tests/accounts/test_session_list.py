from functools import partial
from typing import Any
from uuid import uuid4

import pytest
from httpx import AsyncClient
from sqlalchemy.ext.asyncio import AsyncSession

from app.models import User
from tests.support.factories import PASSWORD, make_user
from tests.support.logins import LOGIN, Pair, bearer, later, log_in, refresh, status_of_me
from tests.support.problems import assert_problem
from tests.support.service import Service

pytestmark = pytest.mark.usefixtures("clock")

LOGOUT_ALL = "/api/v1/auth/logout-all"
SESSIONS = "/api/v1/users/me/sessions"


async def sessions(client: AsyncClient, pair: Pair) -> list[dict[str, Any]]:
    listed: list[dict[str, Any]]
    listed = (await client.get(SESSIONS, headers=bearer(pair))).json()["data"]
    return listed


async def test_user_lists_their_sessions(client: AsyncClient, user: User, pair: Pair) -> None:
    elsewhere = {"User-Agent": "Lynx/2.9\x1b[31m" + "x" * 300}
    body = {"email": user.email, "password": PASSWORD}
    with later(60):
        await client.post(LOGIN, json=body, headers=elsewhere)

    page = (await client.get(SESSIONS, headers=bearer(pair))).json()

    assert page["total"] == 2
    newest, first = page["data"]
    assert (newest["current"], first["current"]) == (False, True)
    assert newest["user_agent"] == ("Lynx/2.9[31m" + "x" * 300)[:200]
    assert first["address"] == "127.0.0.1"


async def test_refresh_counts_as_use(client: AsyncClient, user: User, pair: Pair) -> None:
    [before] = await sessions(client, pair)

    with later(60):
        await refresh(client, pair)

    [after] = await sessions(client, pair)
    assert after["last_used_at"] > before["last_used_at"]


async def test_user_revokes_a_session(client: AsyncClient, user: User, pair: Pair) -> None:
    stolen = await log_in(client, user)
    other = next(each for each in await sessions(client, pair) if not each["current"])
    revoke = partial(client.delete, f"{SESSIONS}/{other['id']}", headers=bearer(pair))

    assert (await revoke()).status_code == 204

    assert await status_of_me(client, stolen) == 401
    assert (await refresh(client, stolen)).status_code == 401
    assert await status_of_me(client, pair) == 200
    assert_problem(await revoke(), 404)


async def test_session_of_another_user_is_not_found(
    service: Service, client: AsyncClient, session: AsyncSession, pair: Pair
) -> None:
    stranger = await service.sign_in(await make_user(session))
    [theirs] = await sessions(client, pair)

    assert [each["id"] for each in (await stranger.get(SESSIONS)).json()["data"]] != [theirs["id"]]
    assert_problem(await stranger.delete(f"{SESSIONS}/{theirs['id']}"), 404)
    assert_problem(await stranger.delete(f"{SESSIONS}/{uuid4()}"), 404)
    assert await status_of_me(client, pair) == 200


async def test_ended_sessions_are_not_listed(
    service: Service, client: AsyncClient, user: User, pair: Pair
) -> None:
    await client.post("/api/v1/auth/logout", headers=bearer(pair))
    with later(days=service.settings.REFRESH_TOKEN_EXPIRE_DAYS + 1):
        new = await log_in(client, user)

        [only] = await sessions(client, new)

    assert only["current"]


async def test_logout_all_ends_every_session_of_the_user(
    client: AsyncClient, session: AsyncSession, user: User, pair: Pair
) -> None:
    elsewhere = await log_in(client, user)
    other = await log_in(client, await make_user(session))

    assert (await client.post(LOGOUT_ALL, headers=bearer(pair))).status_code == 204

    for ended in (pair, elsewhere):
        assert await status_of_me(client, ended) == 401
        assert (await refresh(client, ended)).status_code == 401
    assert await status_of_me(client, other) == 200
