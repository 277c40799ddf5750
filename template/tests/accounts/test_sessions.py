from typing import Any

import pytest
from httpx import AsyncClient
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.clock import utc_now
from app.core.tokens import LEEWAY_SECONDS
from app.models import RefreshToken, User
from tests.conftest import settings_for
from tests.support.factories import make_user
from tests.support.logins import Pair, bearer, later, log_in, refresh, status_of_me
from tests.support.service import Service, running_with

pytestmark = pytest.mark.usefixtures("clock")

LOGOUT = "/api/v1/auth/logout"


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
