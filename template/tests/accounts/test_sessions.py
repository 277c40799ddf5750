from functools import partial
from typing import Any
from uuid import uuid4

import pytest
from httpx import AsyncClient
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.clock import utc_now
from app.core.tokens import LEEWAY_SECONDS
from app.models import RefreshToken, User
from tests.conftest import settings_for
from tests.support.clock import later
from tests.support.factories import PASSWORD, make_user
from tests.support.logins import LOGIN, Pair, bearer, log_in, refresh, status_of_me
from tests.support.service import Service, assert_problem, running_with

pytestmark = pytest.mark.usefixtures("clock")

LOGOUT = "/api/v1/auth/logout"
LOGOUT_ALL = "/api/v1/auth/logout-all"
SESSIONS = "/api/v1/users/me/sessions"


async def test_refresh_gets_a_new_pair(client: AsyncClient, pair: Pair) -> None:
    response = await refresh(client, pair)

    assert response.status_code == 200
    new = response.json()
    assert new["refresh_token"] != pair["refresh_token"]
    assert new["access_token"] != pair["access_token"]
    assert new["user"] == pair["user"]
    assert await status_of_me(client, new) == 200


async def test_refresh_token_is_stored_as_a_hash(session: AsyncSession, pair: Pair) -> None:
    stored = (await session.scalars(select(RefreshToken.token_hash))).all()

    assert len(stored) == 1
    assert pair["refresh_token"] not in stored[0]


@pytest.mark.parametrize("token", ["unknown", "x" * 200])
async def test_unknown_refresh_token_gets_401(client: AsyncClient, token: str) -> None:
    response = await refresh(client, {"refresh_token": token})

    assert response.status_code == 401
    assert response.headers["www-authenticate"] == 'Bearer error="invalid_token"'


async def test_tokens_cannot_be_swapped(client: AsyncClient, pair: Pair) -> None:
    swapped = {"access_token": pair["refresh_token"], "refresh_token": pair["access_token"]}

    assert await status_of_me(client, swapped) == 401
    assert (await refresh(client, swapped)).status_code in {401, 422}


async def test_unused_session_expires(service: Service, client: AsyncClient, pair: Pair) -> None:
    with later(days=service.settings.REFRESH_TOKEN_EXPIRE_DAYS):
        assert (await refresh(client, pair)).status_code == 401


async def test_used_session_expires_too(service: Service, client: AsyncClient, pair: Pair) -> None:
    lifetime = service.settings.SESSION_EXPIRE_DAYS
    for day in range(5, lifetime, 5):
        with later(days=day):
            response = await refresh(client, pair)
            assert response.status_code == 200
            pair = response.json()

    with later(days=lifetime):
        assert (await refresh(client, pair)).status_code == 401


async def test_access_token_expires(client: AsyncClient, service: Service, pair: Pair) -> None:
    minutes = service.settings.ACCESS_TOKEN_EXPIRE_MINUTES
    with later(minutes * 60 - 1):
        assert await status_of_me(client, pair) == 200
    with later(minutes * 60 + LEEWAY_SECONDS):
        assert await status_of_me(client, pair) == 401


async def test_access_token_ends_with_its_session(own_url: str) -> None:
    long = settings_for(own_url, ACCESS_TOKEN_EXPIRE_MINUTES=1440, SESSION_EXPIRE_DAYS=1)
    async with running_with(long) as service, service.client() as client:
        user = await service.make(make_user)
        pair = await log_in(client, user)
        with later(days=1, seconds=-30):
            new = (await refresh(client, pair)).json()

            assert await status_of_me(client, new) == 200

        with later(days=1):
            assert await status_of_me(client, new) == 401


@pytest.mark.parametrize(
    ("loss", "status"), [({"is_active": False}, 403), ({"deleted_at": utc_now()}, 401)]
)
async def test_lost_account_ends_the_session(
    client: AsyncClient, session: AsyncSession, pair: Pair, loss: Any, status: int
) -> None:
    await session.execute(update(User).values(loss))
    await session.commit()

    assert await status_of_me(client, pair) == status
    assert (await refresh(client, pair)).status_code == 401


async def test_logout_ends_only_this_session(client: AsyncClient, user: User, pair: Pair) -> None:
    elsewhere = await log_in(client, user)

    for _ in range(2):
        assert (await client.post(LOGOUT, headers=bearer(pair))).status_code == 204

    assert await status_of_me(client, pair) == 401
    assert (await refresh(client, pair)).status_code == 401
    assert await status_of_me(client, elsewhere) == 200


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
