import asyncio
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from app.core import redis
from app.core.redis import PAUSE_SECONDS
from app.models import User
from tests.conftest import settings_for
from tests.factories import PASSWORD, make_user
from tests.redis_server import RedisServer, open_redis_server
from tests.service import Service, running_with

LOGIN = "/api/v1/auth/login"
REGISTER = "/api/v1/auth/register"
OUTAGES = {
    "dead": (RedisServer.kill, RedisServer.start_again),
    "hung": (RedisServer.stop, RedisServer.resume),
}


@pytest.fixture
def server() -> Iterator[RedisServer]:
    with open_redis_server() as server:
        yield server


@pytest.fixture
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a machine that has too much to do, Redis is slow and not away."""
    monkeypatch.setattr(redis, "TIMEOUT_SECONDS", 20)


@asynccontextmanager
async def process(
    database_url: str, server: RedisServer, **overrides: Any
) -> AsyncGenerator[Service]:
    """One of the processes of the service: what they share is the database and Redis."""
    usual = {
        "RATE_LIMIT_ENABLED": True,
        "RATE_LIMIT_ADDRESSES": True,
        "RATE_LIMIT_REGISTER": "4/hour",
        "REDIS_URL": server.url,
    }
    async with running_with(settings_for(database_url, **usual | overrides)) as service:
        yield service


@pytest.fixture
async def one(own_url: str, server: RedisServer) -> AsyncGenerator[Service]:
    async with process(own_url, server) as service:
        yield service


@pytest.fixture
async def other(own_url: str, server: RedisServer) -> AsyncGenerator[Service]:
    async with process(own_url, server) as service:
        yield service


async def statuses(service: Service, times: int) -> list[int]:
    async with service.client() as client:
        return [(await client.post(REGISTER, json={})).status_code for _ in range(times)]


async def log_in(service: Service, user: User, password: str = PASSWORD) -> int:
    async with service.client() as client:
        body = {"email": user.email, "password": password}
        return (await client.post(LOGIN, json=body)).status_code


async def test_processes_have_one_quota(one: Service, other: Service) -> None:
    answers = [await statuses(service, 1) for service in (one, other) * 3]

    assert answers == [[422]] * 4 + [[429]] * 2


@pytest.mark.usefixtures("patience")
async def test_attempts_at_once_in_two_processes_have_one_quota(
    one: Service, other: Service
) -> None:
    answers = await asyncio.gather(*[statuses(service, 1) for service in (one, other) * 10])

    assert sorted(answers) == [[422]] * 4 + [[429]] * 16


async def test_services_that_share_a_server_have_a_quota_each(
    one: Service, own_url: str, server: RedisServer
) -> None:
    await statuses(one, 4)

    async with process(own_url, server, JWT_ISSUER="another-service") as service:
        assert await statuses(service, 5) == [422] * 4 + [429]


async def test_a_process_that_comes_later_knows_the_count(
    one: Service, own_url: str, server: RedisServer
) -> None:
    await statuses(one, 4)

    async with process(own_url, server) as restarted:
        assert await statuses(restarted, 1) == [429]


async def test_a_refused_client_may_come_back_when_it_is_told(
    own_url: str, server: RedisServer
) -> None:
    async with (
        process(own_url, server, RATE_LIMIT_REGISTER="1/2 seconds") as service,
        service.client() as client,
    ):
        await statuses(service, 1)
        refused = await client.post(REGISTER, json={})
        wait = int(refused.headers["Retry-After"])
        assert refused.headers["RateLimit"] == f'"register";r=0;t={wait}'
        assert 1 <= wait <= 2
        await asyncio.sleep(wait)
        assert await statuses(service, 1) == [422]


async def test_a_login_forgets_the_failures_in_every_process(
    own_url: str, server: RedisServer
) -> None:
    limits = {"RATE_LIMIT_LOGIN_FAILURES": "3/hour"}
    async with process(own_url, server, **limits) as one, process(own_url, server, **limits) as two:
        async with one.database.write() as session:
            user = await make_user(session)
        for _ in range(2):
            assert [await log_in(service, user, "wrong") for service in (one, two)] == [401, 401]
            assert await log_in(one, user) == 200

        assert [await log_in(two, user, "wrong") for _ in range(4)] == [401, 401, 401, 429]


@pytest.mark.parametrize("outage", OUTAGES)
async def test_without_redis_each_process_counts_for_itself(
    one: Service, other: Service, server: RedisServer, outage: str
) -> None:
    lose, repair = OUTAGES[outage]
    await statuses(one, 4)
    lose(server)

    assert await statuses(one, 6) == [422] * 4 + [429] * 2
    assert await statuses(other, 6) == [422] * 4 + [429] * 2

    repair(server)
    await asyncio.sleep(PAUSE_SECONDS)
    quota_left = 4 if outage == "dead" else 0
    answers = [await statuses(service, 1) for service in (one, other) * 3]
    assert answers == [[422]] * quota_left + [[429]] * (6 - quota_left)


async def test_a_login_is_limited_while_redis_hangs(own_url: str, server: RedisServer) -> None:
    async with process(own_url, server, RATE_LIMIT_LOGIN_FAILURES="3/hour") as service:
        async with service.database.write() as session:
            user = await make_user(session)
        server.stop()

        assert [await log_in(service, user, "wrong") for _ in range(5)] == [401] * 3 + [429] * 2
        assert await log_in(service, user) == 429


async def test_a_login_forgets_the_failures_of_an_outage(own_url: str, server: RedisServer) -> None:
    async with process(own_url, server, RATE_LIMIT_LOGIN_FAILURES="3/hour") as service:
        async with service.database.write() as session:
            user = await make_user(session)
        server.kill()
        assert [await log_in(service, user, "wrong") for _ in range(2)] == [401, 401]
        server.start_again()
        await asyncio.sleep(PAUSE_SECONDS)
        assert await log_in(service, user) == 200
        server.kill()

        assert [await log_in(service, user, "wrong") for _ in range(4)] == [401, 401, 401, 429]


async def test_limits_hold_while_redis_is_killed_and_started_under_load(
    one: Service, other: Service, server: RedisServer
) -> None:
    answers = asyncio.Queue[int](maxsize=50)  # so that the clients go on during a start
    seen: list[int] = []

    async def load(service: Service) -> None:
        async with service.client() as client:
            while True:
                await answers.put((await client.post(REGISTER, json={})).status_code)

    async def answered(times: int) -> None:
        async with asyncio.timeout(20):
            seen.extend([await answers.get() for _ in range(times)])

    clients = [asyncio.create_task(load(service)) for service in (one, other) * 4]
    for _ in range(2):
        await answered(answers.qsize() + 50)
        await asyncio.to_thread(server.kill)
        await answered(answers.qsize() + 50)
        await asyncio.to_thread(server.start_again)
    await answered(answers.qsize() + 50)
    for client in clients:
        client.cancel()

    shared, in_process = 3 * 4, 2 * 4  # Redis was empty after each start
    assert set(seen) == {422, 429}
    assert seen.count(422) <= shared + in_process
