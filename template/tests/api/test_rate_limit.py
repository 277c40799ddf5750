from collections.abc import AsyncGenerator
from datetime import timedelta

import pytest
from httpx import ASGITransport, AsyncClient
from time_machine import Traveller

from app.api.rate_limit import Policy
from app.models import User
from tests.support.factories import make_api_key, make_user
from tests.support.limited import running_limited
from tests.support.logins import LOGIN, REGISTER
from tests.support.service import Service

pytestmark = pytest.mark.usefixtures("clock")

ME = "/api/v1/users/me"
REFRESH = "/api/v1/auth/refresh"
SMALL = {
    Policy.CALLER: "12/minute",
    Policy.LOGIN: "8/minute",
    Policy.REFRESH: "4/minute",
    Policy.REGISTER: "2/hour",
}


@pytest.fixture
async def limited(own_url: str) -> AsyncGenerator[Service]:
    async with running_limited(own_url, SMALL, RATE_LIMIT_ADDRESSES=True) as service:
        yield service


@pytest.fixture
async def user(limited: Service) -> User:
    return await limited.make(make_user)


@pytest.fixture
async def client(limited: Service) -> AsyncGenerator[AsyncClient]:
    async with limited.client() as client:
        yield client


def client_at(service: Service, address: str) -> AsyncClient:
    transport = ASGITransport(service.app, client=(address, 50000))
    return AsyncClient(transport=transport, base_url="http://test")


async def statuses(client: AsyncClient, path: str, times: int) -> list[int]:
    return [(await client.post(path, json={})).status_code for _ in range(times)]


@pytest.mark.parametrize(("path", "quota"), [(LOGIN, 8), (REFRESH, 4), (REGISTER, 2)])
async def test_address_has_a_quota(client: AsyncClient, path: str, quota: int) -> None:
    assert await statuses(client, path, quota + 1) == [422] * quota + [429]


@pytest.mark.parametrize(
    ("one", "other", "status"),
    [
        ("192.0.2.1", "::ffff:192.0.2.1", 429),
        ("2001:db8:0:1::1", "2001:db8:0:1:ffff::2", 429),
        ("a-unix-socket", "a-unix-socket", 429),
        ("192.0.2.1", "192.0.2.2", 422),
        ("2001:db8:0:1::1", "2001:db8:0:2::1", 422),
    ],
)
async def test_spellings_and_networks_of_one_client_share_a_quota(
    limited: Service, one: str, other: str, status: int
) -> None:
    await statuses(client_at(limited, one), REGISTER, 2)

    assert await statuses(client_at(limited, other), REGISTER, 1) == [status]


async def test_forwarded_header_of_a_client_is_ignored(client: AsyncClient) -> None:
    await statuses(client, REGISTER, 2)
    client.headers["X-Forwarded-For"] = "192.0.2.7"

    assert await statuses(client, REGISTER, 1) == [429]


async def test_logins_and_keys_of_a_user_share_a_quota(limited: Service, user: User) -> None:
    keys = [(await limited.make(make_api_key, user))[1] for _ in range(2)]
    token = (await limited.sign_in(user)).headers["Authorization"].removeprefix("Bearer ")
    answers = []
    for number in range(13):
        async with client_at(limited, f"192.0.2.{number}") as client:
            bearer = [*keys, token][number % 3]
            answers.append(await client.get(ME, headers={"Authorization": f"Bearer {bearer}"}))

    assert [answer.status_code for answer in answers] == [200] * 12 + [429]


@pytest.mark.parametrize("kind", ["token", "ak_"])
async def test_invalid_tokens_share_the_quota_of_their_address(limited: Service, kind: str) -> None:
    answers = [await limited.client(f"{kind}{number}").get(ME) for number in range(13)]

    assert [answer.status_code for answer in answers] == [401] * 12 + [429]


async def test_health_has_no_quota(client: AsyncClient) -> None:
    for _ in range(13):
        await client.get(ME)

    assert (await client.get("/health")).status_code == 200


async def test_rejection_has_quota_and_retry_after(client: AsyncClient, clock: Traveller) -> None:
    await statuses(client, REGISTER, 2)
    clock.shift(timedelta(minutes=20))

    refused = await client.post(REGISTER, json={})

    assert refused.headers["Content-Type"] == "application/problem+json"
    assert refused.json()["detail"] == "Too many requests; try again in 2100 s"
    assert refused.headers["Retry-After"] == "2100"
    assert refused.headers["RateLimit"] == '"register";r=0;t=2100'
    assert refused.headers["RateLimit-Policy"] == '"register";q=2;w=3600'


async def test_limits_can_be_disabled(own_url: str) -> None:
    off = {"RATE_LIMIT_ADDRESSES": True, "RATE_LIMIT_ENABLED": False}

    async with running_limited(own_url, SMALL, **off) as service, service.client() as client:
        assert await statuses(client, REGISTER, 13) == [422] * 13


@pytest.mark.parametrize(("chosen", "last"), [({}, 422), ({"RATE_LIMIT_ADDRESSES": True}, 429)])
async def test_addresses_have_no_quota_in_development_by_default(
    own_url: str, chosen: dict[str, bool], last: int
) -> None:
    async with running_limited(own_url, SMALL, **chosen) as service, service.client() as client:
        assert (await statuses(client, REGISTER, 3))[-1] == last
