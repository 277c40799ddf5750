import asyncio
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from httpx import AsyncClient, Response
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.tokens import LEEWAY_SECONDS
from app.db.types import utc_now
from app.main import create_app
from app.models import RefreshToken, User
from tests.conftest import settings_for
from tests.factories import PASSWORD, make_user
from tests.service import Service, running

REFRESH = "/api/v1/auth/refresh"
LOGOUT = "/api/v1/auth/logout"
ME = "/api/v1/users/me"

Pair = dict[str, str]


@pytest.fixture
async def user(session: AsyncSession) -> User:
    return await make_user(session)


@pytest.fixture
async def pair(client: AsyncClient, user: User) -> Pair:
    return await log_in(client, user)


async def log_in(client: AsyncClient, user: User) -> Pair:
    body = {"email": user.email, "password": PASSWORD}
    response = await client.post("/api/v1/auth/login", json=body)
    answer: Pair = response.json()
    return answer


async def refresh(client: AsyncClient, pair: Pair) -> Response:
    return await client.post(REFRESH, json={"refresh_token": pair["refresh_token"]})


def later(seconds: float = 0, *, days: int = 0) -> time_machine.travel:
    return time_machine.travel(utc_now() + timedelta(days=days, seconds=seconds), tick=False)


async def status_of_me(service: Service, pair: Pair) -> int:
    return (await service.client(pair["access_token"]).get(ME)).status_code


async def test_a_refresh_token_buys_a_new_pair(
    service: Service, client: AsyncClient, pair: Pair
) -> None:
    response = await refresh(client, pair)

    assert response.status_code == 200
    new = response.json()
    assert new["refresh_token"] != pair["refresh_token"]
    assert new["access_token"] != pair["access_token"]
    assert new["user"] == pair["user"]
    assert await status_of_me(service, new) == 200


async def test_a_refresh_token_is_stored_as_a_hash(session: AsyncSession, pair: Pair) -> None:
    stored = (await session.scalars(select(RefreshToken.token_hash))).all()

    assert len(stored) == 1
    assert pair["refresh_token"] not in stored[0]


@pytest.mark.parametrize("token", ["unknown", "x" * 200])
async def test_an_unknown_refresh_token_is_refused(client: AsyncClient, token: str) -> None:
    response = await client.post(REFRESH, json={"refresh_token": token})

    assert response.status_code == 401
    assert response.headers["www-authenticate"] == 'Bearer error="invalid_token"'


async def test_neither_token_serves_as_the_other(
    service: Service, client: AsyncClient, pair: Pair
) -> None:
    swapped = {"access_token": pair["refresh_token"], "refresh_token": pair["access_token"]}

    assert await status_of_me(service, swapped) == 401
    assert (await refresh(client, swapped)).status_code in {401, 422}


async def test_reuse_ends_the_session_for_whoever_holds_a_token_of_it(
    service: Service, client: AsyncClient, pair: Pair
) -> None:
    new = (await refresh(client, pair)).json()

    with later(service.settings.REFRESH_TOKEN_GRACE_SECONDS):
        assert (await refresh(client, pair)).status_code == 401

    assert (await refresh(client, new)).status_code == 401
    assert await status_of_me(service, new) == 401


async def test_reuse_ends_the_session_although_the_answer_is_an_error(own_url: str) -> None:
    """On real commits: a rollback with the 401 would let the thief stay."""
    strict = settings_for(own_url, REFRESH_TOKEN_GRACE_SECONDS=0)
    async with running(create_app(strict)) as service, service.client() as client:
        async with service.database.write() as session:
            user = await make_user(session)
        pair = await log_in(client, user)
        new = (await refresh(client, pair)).json()

        assert (await refresh(client, pair)).status_code == 401

        assert (await refresh(client, new)).status_code == 401
        assert await status_of_me(service, new) == 401


async def test_reuse_leaves_the_other_sessions_of_the_user_alone(
    service: Service, client: AsyncClient, user: User, pair: Pair
) -> None:
    elsewhere = await log_in(client, user)
    await refresh(client, pair)

    with later(service.settings.REFRESH_TOKEN_GRACE_SECONDS):
        await refresh(client, pair)

    assert (await refresh(client, elsewhere)).status_code == 200


async def test_a_client_that_lost_the_answer_asks_again(
    service: Service, client: AsyncClient, pair: Pair
) -> None:
    await refresh(client, pair)

    again = await refresh(client, pair)

    assert again.status_code == 200
    assert await status_of_me(service, again.json()) == 200


async def test_once_the_successor_is_used_nobody_lost_the_answer(
    client: AsyncClient, pair: Pair
) -> None:
    new = (await refresh(client, pair)).json()
    newest = (await refresh(client, new)).json()

    assert (await refresh(client, pair)).status_code == 401
    assert (await refresh(client, newest)).status_code == 401


async def test_of_two_successors_only_one_can_be_used(client: AsyncClient, pair: Pair) -> None:
    one = (await refresh(client, pair)).json()
    other = (await refresh(client, pair)).json()
    newest = (await refresh(client, one)).json()

    assert (await refresh(client, other)).status_code == 401
    assert (await refresh(client, newest)).status_code == 401


async def test_a_token_sent_twice_at_once_is_spent_once(own_url: str) -> None:
    strict = settings_for(own_url, REFRESH_TOKEN_GRACE_SECONDS=0)
    async with running(create_app(strict)) as service, service.client() as client:
        async with service.database.write() as session:
            user = await make_user(session)
        pair = await log_in(client, user)

        responses = await asyncio.gather(refresh(client, pair), refresh(client, pair))

    assert sorted(response.status_code for response in responses) == [200, 401]


async def test_an_unused_session_expires(service: Service, client: AsyncClient, pair: Pair) -> None:
    with later(days=service.settings.REFRESH_TOKEN_EXPIRE_DAYS):
        assert (await refresh(client, pair)).status_code == 401


async def test_a_used_session_expires_too_in_the_end(
    service: Service, client: AsyncClient, pair: Pair
) -> None:
    lifetime = service.settings.SESSION_EXPIRE_DAYS
    for day in range(5, lifetime, 5):
        with later(days=day):
            response = await refresh(client, pair)
            assert response.status_code == 200
            pair = response.json()

    with later(days=lifetime):
        assert (await refresh(client, pair)).status_code == 401


async def test_an_access_token_expires(service: Service, pair: Pair) -> None:
    minutes = service.settings.ACCESS_TOKEN_EXPIRE_MINUTES
    with later(minutes * 60 - 1):
        assert await status_of_me(service, pair) == 200
    with later(minutes * 60 + LEEWAY_SECONDS):
        assert await status_of_me(service, pair) == 401


async def test_an_access_token_does_not_outlive_its_session(own_url: str) -> None:
    long = settings_for(own_url, ACCESS_TOKEN_EXPIRE_MINUTES=1440, SESSION_EXPIRE_DAYS=1)
    async with running(create_app(long)) as service, service.client() as client:
        async with service.database.write() as session:
            user = await make_user(session)
        with later(-60):
            pair = await log_in(client, user)

        with later(days=1, seconds=-30):
            assert await status_of_me(service, pair) == 401


@pytest.mark.parametrize("loss", [{"is_active": False}, {"deleted_at": utc_now()}])
async def test_who_lost_the_account_gets_no_new_pair(
    client: AsyncClient, session: AsyncSession, user: User, pair: Pair, loss: dict[str, Any]
) -> None:
    await session.execute(update(User).where(User.id == user.id).values(loss))
    await session.commit()

    assert (await refresh(client, pair)).status_code == 401


@pytest.mark.parametrize(
    ("loss", "status"), [({"is_active": False}, 403), ({"deleted_at": utc_now()}, 401)]
)
async def test_who_lost_the_account_is_out_at_once(
    service: Service,
    session: AsyncSession,
    user: User,
    pair: Pair,
    loss: dict[str, Any],
    status: int,
) -> None:
    await session.execute(update(User).where(User.id == user.id).values(loss))
    await session.commit()

    assert await status_of_me(service, pair) == status


async def test_logout_ends_the_session_at_once(
    service: Service, client: AsyncClient, pair: Pair
) -> None:
    response = await service.client(pair["access_token"]).post(LOGOUT)

    assert response.status_code == 204
    assert await status_of_me(service, pair) == 401
    assert (await refresh(client, pair)).status_code == 401


async def test_logout_ends_no_other_session(
    service: Service, client: AsyncClient, user: User, pair: Pair
) -> None:
    elsewhere = await log_in(client, user)

    await service.client(pair["access_token"]).post(LOGOUT)

    assert await status_of_me(service, elsewhere) == 200


async def test_logout_needs_a_session(client: AsyncClient) -> None:
    assert (await client.post(LOGOUT)).status_code == 401
