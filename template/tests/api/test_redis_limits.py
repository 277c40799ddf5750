import asyncio
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import pytest
from time_machine import travel

from app.models import User
from tests.conftest import settings_for
from tests.support.factories import PASSWORD, make_user
from tests.support.logins import REGISTER, try_login
from tests.support.redis import connect
from tests.support.redis_server import Clock, RedisServer
from tests.support.redis_server import clock as clock
from tests.support.redis_server import server as server
from tests.support.service import Service, running_with
from tests.support.waiting import PATIENCE, eventually, patience

OUTAGES = {
    "dead": (RedisServer.kill, RedisServer.start_again),
    "hung": (RedisServer.stop, RedisServer.resume),
}


@pytest.fixture(autouse=True)
def no_new_hour() -> Iterator[None]:
    """Without Redis, a process starts a new window at each full hour."""
    with travel(datetime(2030, 1, 1, 0, 5, tzinfo=UTC), tick=False):
        yield


@asynccontextmanager
async def process(
    database_url: str, server: RedisServer, **overrides: Any
) -> AsyncGenerator[Service]:
    """Run one process of the service. All share the database and Redis."""
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
    return [(await service.client().post(REGISTER, json={})).status_code for _ in range(times)]


async def log_in(service: Service, user: User, password: str = PASSWORD) -> int:
    async with service.client() as client:
        return (await try_login(client, user.email, password)).status_code


async def test_attempts_in_two_processes_share_a_quota(one: Service, other: Service) -> None:
    answers = await asyncio.gather(*[statuses(service, 1) for service in (one, other) * 10])

    assert sorted(answers) == [[422]] * 4 + [[429]] * 16


async def test_services_share_no_quota(one: Service, own_url: str, server: RedisServer) -> None:
    await statuses(one, 4)

    async with process(own_url, server, JWT_ISSUER="another-service") as service:
        assert await statuses(service, 5) == [422] * 4 + [429]


async def test_restart_keeps_the_count(one: Service, own_url: str, server: RedisServer) -> None:
    await statuses(one, 4)

    async with process(own_url, server) as restarted:
        assert await statuses(restarted, 1) == [429]


async def let_pass(seconds: float, server: RedisServer) -> None:
    """Shorten the windows in Redis by this time."""
    async with connect(server.url) as redis:
        for key in await redis.keys("*:limits:*"):
            left = await redis.pttl(key)
            await redis.pexpire(key, left - int(seconds * 1000))


async def test_retry_after_is_right(own_url: str, server: RedisServer) -> None:
    async with (
        process(own_url, server, RATE_LIMIT_REGISTER="1/day") as service,
        service.client() as client,
    ):
        await statuses(service, 1)
        await let_pass(3600, server)
        refused = await client.post(REGISTER, json={})
        wait = int(refused.headers["Retry-After"])
        assert refused.headers["RateLimit"] == f'"register";r=0;t={wait}'
        await let_pass(wait - PATIENCE, server)
        assert await statuses(service, 1) == [429]
        await let_pass(PATIENCE, server)
        assert await statuses(service, 1) == [422]


async def test_login_resets_failures_in_every_process(own_url: str, server: RedisServer) -> None:
    limits = {"RATE_LIMIT_LOGIN_FAILURES": "3/hour"}
    async with process(own_url, server, **limits) as one, process(own_url, server, **limits) as two:
        user = await one.make(make_user)
        for _ in range(2):
            assert [await log_in(service, user, "wrong") for service in (one, two)] == [401, 401]
            assert await log_in(one, user) == 200

        assert [await log_in(two, user, "wrong") for _ in range(4)] == [401, 401, 401, 429]


@pytest.mark.parametrize("outage", OUTAGES)
async def test_each_process_counts_for_itself_without_redis(
    one: Service, other: Service, server: RedisServer, clock: Clock, outage: str
) -> None:
    lose, repair = OUTAGES[outage]
    await statuses(one, 4)
    lose(server)

    assert await statuses(one, 6) == [422] * 4 + [429] * 2
    assert await statuses(other, 6) == [422] * 4 + [429] * 2

    repair(server)
    clock.end_the_pause()
    quota_left = 4 if outage == "dead" else 0
    answers = [await statuses(service, 1) for service in (one, other) * 3]
    assert answers == [[422]] * quota_left + [[429]] * (6 - quota_left)


async def test_logins_are_limited_while_redis_hangs(own_url: str, server: RedisServer) -> None:
    async with process(own_url, server, RATE_LIMIT_LOGIN_FAILURES="3/hour") as service:
        user = await service.make(make_user)
        server.stop()

        assert [await log_in(service, user, "wrong") for _ in range(5)] == [401] * 3 + [429] * 2
        assert await log_in(service, user) == 429


async def test_login_drops_outage_failures(own_url: str, server: RedisServer, clock: Clock) -> None:
    async with process(own_url, server, RATE_LIMIT_LOGIN_FAILURES="3/hour") as service:
        user = await service.make(make_user)
        server.kill()
        assert [await log_in(service, user, "wrong") for _ in range(2)] == [401, 401]
        server.start_again()
        clock.end_the_pause()
        assert await log_in(service, user) == 200
        server.kill()

        assert [await log_in(service, user, "wrong") for _ in range(4)] == [401, 401, 401, 429]


async def test_limits_hold_while_redis_restarts_under_load(
    one: Service, other: Service, server: RedisServer
) -> None:
    answers = asyncio.Queue[int](maxsize=50)  # to keep the clients busy during a start
    seen: list[int] = []
    enough = asyncio.Event()

    async def load(service: Service) -> None:
        async with service.client() as client:
            while not enough.is_set():
                await answers.put((await client.post(REGISTER, json={})).status_code)

    async def answered(times: int) -> None:
        async with patience():
            seen.extend([await answers.get() for _ in range(times)])

    def ended() -> bool:  # a request that is cancelled while it connects leaves a connection open
        while not answers.empty():
            seen.append(answers.get_nowait())
        return all(client.done() for client in clients)

    clients = [asyncio.create_task(load(service)) for service in (one, other) * 4]
    for _ in range(2):
        await answered(answers.qsize() + 50)
        await asyncio.to_thread(server.kill)
        await answered(answers.qsize() + 50)
        await asyncio.to_thread(server.start_again)
    await answered(answers.qsize() + 50)
    enough.set()
    await eventually(ended)

    shared, in_process = 3 * 4, 2 * 4  # Redis was empty after each start
    assert set(seen) == {422, 429}
    assert seen.count(422) <= shared + in_process
