from uuid import uuid4

import pytest
from httpx import AsyncClient
from sqlalchemy.ext.asyncio import AsyncSession

from app.models import User
from tests.support.factories import PASSWORD, make_user
from tests.support.logins import LOGIN, Pair, later, log_in, refresh, status_of_me
from tests.support.problems import assert_problem
from tests.support.service import Service

pytestmark = pytest.mark.usefixtures("clock")

LOGOUT_ALL = "/api/v1/auth/logout-all"
SESSIONS = "/api/v1/users/me/sessions"


async def test_user_lists_their_sessions(
    service: Service, client: AsyncClient, user: User, pair: Pair
) -> None:
    elsewhere = {"User-Agent": "Lynx/2.9\x1b[31m" + "x" * 300}
    body = {"email": user.email, "password": PASSWORD}
    with later(60):
        await client.post(LOGIN, json=body, headers=elsewhere)

    page = (await service.client(pair["access_token"]).get(SESSIONS)).json()

    assert page["total"] == 2
    newest, first = page["data"]
    assert (newest["current"], first["current"]) == (False, True)
    assert newest["user_agent"] == ("Lynx/2.9[31m" + "x" * 300)[:200]
    assert first["address"] == "127.0.0.1"


async def test_refresh_counts_as_use(
    service: Service, client: AsyncClient, user: User, pair: Pair
) -> None:
    mine = service.client(pair["access_token"])
    before = (await mine.get(SESSIONS)).json()["data"][0]["last_used_at"]

    with later(60):
        await refresh(client, pair)

    assert (await mine.get(SESSIONS)).json()["data"][0]["last_used_at"] > before


async def test_user_revokes_a_session(
    service: Service, client: AsyncClient, user: User, pair: Pair
) -> None:
    stolen = await log_in(client, user)
    mine = service.client(pair["access_token"])
    other = next(each for each in (await mine.get(SESSIONS)).json()["data"] if not each["current"])

    assert (await mine.delete(f"{SESSIONS}/{other['id']}")).status_code == 204

    assert await status_of_me(service, stolen) == 401
    assert (await refresh(client, stolen)).status_code == 401
    assert await status_of_me(service, pair) == 200
    assert_problem(await mine.delete(f"{SESSIONS}/{other['id']}"), 404)


async def test_session_of_another_user_is_not_found(
    service: Service, client: AsyncClient, session: AsyncSession, pair: Pair
) -> None:
    stranger = await service.sign_in(await make_user(session))
    (theirs,) = (await service.client(pair["access_token"]).get(SESSIONS)).json()["data"]

    assert [each["id"] for each in (await stranger.get(SESSIONS)).json()["data"]] != [theirs["id"]]
    assert_problem(await stranger.delete(f"{SESSIONS}/{theirs['id']}"), 404)
    assert_problem(await stranger.delete(f"{SESSIONS}/{uuid4()}"), 404)
    assert await status_of_me(service, pair) == 200


async def test_ended_sessions_are_not_listed(
    service: Service, client: AsyncClient, user: User, pair: Pair
) -> None:
    await service.client(pair["access_token"]).post("/api/v1/auth/logout")
    with later(days=service.settings.REFRESH_TOKEN_EXPIRE_DAYS + 1):
        new = await log_in(client, user)

        (only,) = (await service.client(new["access_token"]).get(SESSIONS)).json()["data"]

    assert only["current"]


async def test_logout_all_ends_every_session_of_the_user(
    service: Service, client: AsyncClient, session: AsyncSession, user: User, pair: Pair
) -> None:
    elsewhere = await log_in(client, user)
    other = await log_in(client, await make_user(session))

    assert (await service.client(pair["access_token"]).post(LOGOUT_ALL)).status_code == 204

    for ended in (pair, elsewhere):
        assert await status_of_me(service, ended) == 401
        assert (await refresh(client, ended)).status_code == 401
    assert await status_of_me(service, other) == 200
