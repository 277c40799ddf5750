import asyncio
from collections.abc import AsyncGenerator
from datetime import timedelta

import pytest
from httpx import AsyncClient, Response
from time_machine import Traveller

from app.models import User
from tests.support.clock import clock as clock
from tests.support.factories import PASSWORD, make_user
from tests.support.limited import running_limited
from tests.support.service import Service

pytestmark = pytest.mark.usefixtures("clock")


@pytest.fixture
async def limited(own_url: str) -> AsyncGenerator[Service]:
    async with running_limited(own_url, RATE_LIMIT_LOGIN_FAILURES="3/15 minutes") as service:
        yield service


@pytest.fixture
async def client(limited: Service) -> AsyncGenerator[AsyncClient]:
    async with limited.client() as client:
        yield client


@pytest.fixture
async def user(limited: Service) -> User:
    return await limited.make(make_user)


async def log_in(client: AsyncClient, email: str, password: str = PASSWORD) -> Response:
    return await client.post("/api/v1/auth/login", json={"email": email, "password": password})


async def fail(client: AsyncClient, email: str, times: int) -> None:
    for _ in range(times):
        assert (await log_in(client, email, "wrong")).status_code == 401


async def test_account_is_locked_after_too_many_failures(client: AsyncClient, user: User) -> None:
    await fail(client, user.email, 3)

    assert (await log_in(client, user.email)).status_code == 429


async def test_unknown_email_is_locked_as_well(client: AsyncClient) -> None:
    await fail(client, "nobody@example.com", 3)

    assert (await log_in(client, "nobody@example.com")).status_code == 429


async def test_concurrent_attempts_share_the_quota(client: AsyncClient, user: User) -> None:
    answers = await asyncio.gather(*[log_in(client, user.email, "wrong") for _ in range(8)])

    assert sorted(answer.status_code for answer in answers) == [401] * 3 + [429] * 5


async def test_spellings_of_an_email_share_the_quota(client: AsyncClient, user: User) -> None:
    for email in (user.email, user.email.upper(), user.email.title()):
        await fail(client, email, 1)

    assert (await log_in(client, user.email)).status_code == 429


async def test_other_accounts_still_log_in(
    limited: Service, client: AsyncClient, user: User
) -> None:
    other = await limited.make(make_user)

    await fail(client, user.email, 3)

    assert (await log_in(client, other.email)).status_code == 200


async def test_lock_leaves_sessions_alone(
    limited: Service, client: AsyncClient, user: User
) -> None:
    pair = (await log_in(client, user.email)).json()
    await fail(client, user.email, 3)

    refreshed = await client.post(
        "/api/v1/auth/refresh", json={"refresh_token": pair["refresh_token"]}
    )

    assert refreshed.status_code == 200
    assert (await limited.client(pair["access_token"]).get("/api/v1/users/me")).status_code == 200


async def test_lock_ends_when_retry_after_says(
    client: AsyncClient, user: User, clock: Traveller
) -> None:
    await fail(client, user.email, 3)
    refused = await log_in(client, user.email)

    clock.shift(timedelta(seconds=int(refused.headers["Retry-After"]) - 1))
    assert (await log_in(client, user.email)).status_code == 429
    clock.shift(timedelta(seconds=1))
    assert (await log_in(client, user.email)).status_code == 200


async def test_login_resets_the_failures(client: AsyncClient, user: User) -> None:
    for _ in range(2):
        await fail(client, user.email, 2)

        assert (await log_in(client, user.email)).status_code == 200
