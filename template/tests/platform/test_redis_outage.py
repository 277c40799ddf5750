"""Clients hardly notice that Redis is down or hangs."""

from collections.abc import AsyncGenerator, Generator
from contextlib import contextmanager

import pytest

from app.core import probe
from app.core.redis import SharedRedis
from tests.conftest import settings_for
from tests.support.factories import make_organization, make_user
from tests.support.redis_server import Clock, RedisServer
from tests.support.redis_server import clock as clock
from tests.support.redis_server import server as server
from tests.support.service import Service, running_with
from tests.support.waiting import PATIENCE

READY = "/health/ready"


@pytest.fixture(autouse=True)
def database_may_be_slow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probe, "PROBE_SECONDS", PATIENCE)


@pytest.fixture
async def limited(own_url: str, server: RedisServer) -> AsyncGenerator[Service]:
    settings = settings_for(own_url, REDIS_URL=server.url, RATE_LIMIT_ENABLED=True)
    async with running_with(settings) as service:
        yield service


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[SharedRedis]:
    """One entry for each attempt to reach Redis."""
    asked: list[SharedRedis] = []
    attempt = SharedRedis.attempt

    @contextmanager
    def noted(shared: SharedRedis) -> Generator[None]:
        with attempt(shared):
            asked.append(shared)
            yield

    monkeypatch.setattr(SharedRedis, "attempt", noted)
    return asked


@pytest.mark.parametrize(("lose", "repair"), [("kill", "start_again"), ("stop", "resume")])
async def test_readiness_follows_redis(
    limited: Service, server: RedisServer, lose: str, repair: str
) -> None:
    async with limited.client() as client:
        assert (await client.get(READY)).status_code == 200
        getattr(server, lose)()

        refused = await client.get(READY)
        assert refused.status_code == 503
        assert refused.headers["Content-Type"] == "application/problem+json"
        assert refused.json()["detail"] == "Redis is not responding"
        assert (await client.get("/health")).status_code == 200

        getattr(server, repair)()
        assert (await client.get(READY)).status_code == 200


async def test_service_starts_before_redis(own_url: str, server: RedisServer) -> None:
    server.kill()
    settings = settings_for(own_url, REDIS_URL=server.url)

    async with running_with(settings) as service, service.client() as client:
        assert (await client.get(READY)).status_code == 503
        server.start_again()
        assert (await client.get(READY)).status_code == 200


@pytest.mark.parametrize("outage", ["kill", "stop"])
async def test_readers_and_writers_hardly_wait(
    limited: Service, server: RedisServer, clock: Clock, asked: list[SharedRedis], outage: str
) -> None:
    owner = await limited.make(make_user)
    organization = await limited.make(make_organization, owner, name="Old")
    path = f"/api/v1/organizations/{organization.slug}"
    async with await limited.sign_in(owner) as client:
        await client.get(path)
        getattr(server, outage)()
        asked.clear()

        assert (await client.patch(path, json={"name": "New"})).status_code == 200
        for _ in range(30):
            answer = await client.get(path)
            assert answer.status_code == 200
            assert answer.json()["name"] == "New"
        assert len(asked) == 1  # no other request tries before the pause ends

        clock.end_the_pause()
        await client.get(path)
        assert len(asked) == 2
