import asyncio
from collections.abc import AsyncGenerator
from datetime import timedelta

import pytest
from httpx import AsyncClient
from time_machine import Traveller

from app.models import User
from tests.support.factories import make_user
from tests.support.limited import running_limited
from tests.support.logins import log_in, refresh, status_of_me, try_login
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


async def fail(client: AsyncClient, email: str, times: int) -> None:
    for _ in range(times):
        assert (await try_login(client, email, "wrong")).status_code == 401


async def test_account_is_locked_after_too_many_failures(client: AsyncClient, user: User) -> None:
    await fail(client, user.email, 3)

    assert (await try_login(client, user.email)).status_code == 429


async def test_unknown_email_is_locked_as_well(client: AsyncClient) -> None:
    await fail(client, "nobody@example.com", 3)

    assert (await try_login(client, "nobody@example.com")).status_code == 429


async def test_concurrent_attempts_share_the_quota(client: AsyncClient, user: User) -> None:
    answers = await asyncio.gather(*[try_login(client, user.email, "wrong") for _ in range(8)])

    assert sorted(answer.status_code for answer in answers) == [401] * 3 + [429] * 5


async def test_spellings_of_an_email_share_the_quota(client: AsyncClient, user: User) -> None:
    for email in (user.email, user.email.upper(), user.email.title()):
        await fail(client, email, 1)

    assert (await try_login(client, user.email)).status_code == 429


async def test_other_accounts_can_log_in(limited: Service, client: AsyncClient, user: User) -> None:
    other = await limited.make(make_user)

    await fail(client, user.email, 3)

    assert (await try_login(client, other.email)).status_code == 200


async def test_lock_leaves_sessions_open(client: AsyncClient, user: User) -> None:
    pair = await log_in(client, user)
    await fail(client, user.email, 3)

    assert (await refresh(client, pair)).status_code == 200
    assert await status_of_me(client, pair) == 200


async def test_lock_ends_at_retry_after(client: AsyncClient, user: User, clock: Traveller) -> None:
    await fail(client, user.email, 3)
    refused = await try_login(client, user.email)

    clock.shift(timedelta(seconds=int(refused.headers["Retry-After"]) - 1))
    assert (await try_login(client, user.email)).status_code == 429
    clock.shift(timedelta(seconds=1))
    assert (await try_login(client, user.email)).status_code == 200


async def test_login_resets_the_failures(client: AsyncClient, user: User) -> None:
    for _ in range(2):
        await fail(client, user.email, 2)

        assert (await try_login(client, user.email)).status_code == 200
