"""What a client notices when Redis dies or hangs: little."""

import asyncio
from collections.abc import AsyncGenerator, Iterator

import pytest
from httpx import AsyncClient

from tests.conftest import settings_for
from tests.factories import make_organization, make_user
from tests.redis_server import RedisServer, open_redis_server
from tests.service import Service, running_with

READY = "/health/ready"


@pytest.fixture
def server() -> Iterator[RedisServer]:
    with open_redis_server() as server:
        yield server


@pytest.fixture
async def limited(own_url: str, server: RedisServer) -> AsyncGenerator[Service]:
    settings = settings_for(own_url, REDIS_URL=server.url, RATE_LIMIT_ENABLED=True)
    async with running_with(settings) as service:
        yield service


async def ready(client: AsyncClient) -> None:
    async with asyncio.timeout(10):
        while True:
            if (await client.get(READY)).status_code == 200:
                return
            await asyncio.sleep(0.05)


@pytest.mark.parametrize(("lose", "repair"), [("kill", "start_again"), ("stop", "resume")])
async def test_readiness_tells_the_truth_about_redis(
    limited: Service, server: RedisServer, lose: str, repair: str
) -> None:
    async with limited.client() as client:
        assert (await client.get(READY)).status_code == 200
        getattr(server, lose)()

        async with asyncio.timeout(10):
            refused = await client.get(READY)
        assert refused.status_code == 503
        assert refused.headers["Content-Type"] == "application/problem+json"
        assert refused.json()["detail"] == "Redis does not answer"
        assert (await client.get("/health")).status_code == 200

        getattr(server, repair)()
        await ready(client)


async def test_a_service_starts_before_redis(own_url: str, server: RedisServer) -> None:
    server.kill()
    settings = settings_for(own_url, REDIS_URL=server.url)

    async with running_with(settings) as service, service.client() as client:
        assert (await client.get(READY)).status_code == 503
        server.start_again()
        await ready(client)


@pytest.mark.parametrize("outage", ["kill", "stop"])
async def test_readers_and_writers_hardly_wait(
    limited: Service, server: RedisServer, outage: str
) -> None:
    async with limited.database.write() as session:
        owner = await make_user(session)
        organization = await make_organization(session, owner, name="Old")
    path = f"/api/v1/organizations/{organization.slug}"
    async with await limited.sign_in(owner) as client:
        await client.get(path)
        getattr(server, outage)()

        async with asyncio.timeout(10):  # if each of them waited for Redis, it would take longer
            assert (await client.patch(path, json={"name": "New"})).status_code == 200
            for _ in range(30):
                answer = await client.get(path)
                assert answer.status_code == 200
                assert answer.json()["name"] == "New"
