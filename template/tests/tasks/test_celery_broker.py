"""The Redis that carries the tasks: its URL, and what happens during an outage."""

import asyncio
from collections.abc import Callable
from ssl import CERT_REQUIRED
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit
from uuid import uuid4

import pytest

from app.core import probe
from app.core.config import Settings
from app.core.errors import Unavailable
from app.tasks import celery, queue
from app.tasks.backoff import Backoff
from app.tasks.celery import create_celery, open_tasks
from app.tasks.mail import send_welcome_email
from tests.conftest import settings_for
from tests.support.celery_worker import settings_of_its_own
from tests.support.factories import PASSWORD
from tests.support.logins import ADA, REGISTER
from tests.support.redis import connect
from tests.support.redis_server import RedisServer
from tests.support.redis_server import server as server
from tests.support.service import Service, running_with
from tests.support.waiting import PATIENCE, patience


@pytest.fixture
def broken(own_url: str, server: RedisServer) -> Settings:
    """Settings of a service whose tasks go to the server."""
    return settings_for(own_url, CELERY_BROKER_URL=server.url)


@pytest.fixture
def no_retries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queue, "ON_OUTAGE", Backoff(longest=1, give_up_after=0))


def test_redis_must_prove_its_name_with_tls(settings: Settings) -> None:
    url = "rediss://redis.example.com:6379/0"

    client = create_celery(settings_for(settings.DATABASE_URL, CELERY_BROKER_URL=url))

    assert client.connection_for_write().ssl == {"ssl_cert_reqs": CERT_REQUIRED}


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("unix:///run/redis.sock", ("", "", "0")),
        ("unix:///run/redis.sock?db=3&password=p%40ss/word", ("", "p@ss/word", "3")),
        ("unix://ada:p%40ss@/run/redis.sock?db=1", ("ada", "p@ss", "1")),
    ],
)
def test_socket_url_is_understood(settings: Settings, url: str, expected: tuple[str, ...]) -> None:
    own = settings_for(settings.DATABASE_URL, CELERY_BROKER_URL=url)

    with create_celery(own).connection_for_write() as connection:
        parts = urlsplit(str(connection.hostname))
        database = dict(parse_qsl(parts.query))["virtual_host"]

    login = unquote(parts.username or ""), unquote(parts.password or "")
    assert (parts.path, *login, database) == ("/run/redis.sock", *expected)


async def test_services_on_one_redis_share_no_key(service: Service, server: RedisServer) -> None:
    settings = settings_of_its_own(service.settings.DATABASE_URL, REDIS_URL=server.url)
    async with open_tasks(settings, service.database) as runner:
        await runner.start(send_welcome_email, str(uuid4()), [], {})
    async with connect(server.url) as redis:
        keys = [str(key) for key in await redis.keys()]

    assert f"{settings.JWT_ISSUER}:{settings.JWT_ISSUER}" in keys
    assert [key for key in keys if not key.startswith(f"{settings.JWT_ISSUER}:")] == []


async def test_full_redis_is_worth_a_retry(service: Service, server: RedisServer) -> None:
    async with connect(server.url) as redis:
        await redis.config_set("maxmemory", 1)
    settings = settings_for(service.settings.DATABASE_URL, CELERY_BROKER_URL=server.url)
    async with open_tasks(settings, service.database) as runner:
        with pytest.raises(Unavailable, match="Redis did not accept the task"):
            await runner.start(send_welcome_email, "1", [], {})


@pytest.mark.usefixtures("no_retries")
async def test_hung_redis_blocks_no_other_request(
    broken: Settings, server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    events: list[str] = []
    publishing = asyncio.Event()
    loop = asyncio.get_running_loop()
    publish = celery.publish

    def noted(*args: Any) -> None:
        loop.call_soon_threadsafe(publishing.set)
        try:
            publish(*args)
        finally:
            events.append("given up")

    monkeypatch.setattr(celery, "publish", noted)
    server.stop()
    async with running_with(broken) as service, service.client() as client, patience():
        registration = asyncio.create_task(client.post(REGISTER, json=ADA))
        await publishing.wait()
        assert (await client.get("/health")).status_code == 200
        events.append("answered")
        server.kill()
        assert (await registration).status_code == 201
    assert events == ["answered", "given up"]


@pytest.mark.usefixtures("no_retries")
async def test_hung_redis_hardly_delays_the_shutdown(
    broken: Settings,
    server: RedisServer,
    monkeypatch: pytest.MonkeyPatch,
    read_log: Callable[[], str],
) -> None:
    # Fires early without harm: no answer can come.
    monkeypatch.setattr(celery, "ANSWER_SECONDS", 0.1)
    server.stop()
    async with patience(), running_with(broken) as service, service.client() as client:
        assert (await client.post(REGISTER, json=ADA)).status_code == 201
    assert "Redis did not accept the task: TimeoutError" in read_log()


async def test_task_waits_for_a_redis_that_comes_back(
    own_url: str,
    server: RedisServer,
    monkeypatch: pytest.MonkeyPatch,
    read_log: Callable[[], str],
) -> None:
    async def start_redis(seconds: float) -> None:
        server.start_again()

    monkeypatch.setattr(queue, "sleep", start_redis)
    server.kill()
    url = server.url.replace("//", f"//:{PASSWORD}@")
    settings = settings_for(own_url, CELERY_BROKER_URL=url)
    async with running_with(settings) as service, service.client() as client:
        assert (await client.post(REGISTER, json=ADA)).status_code == 201
    async with connect(server.url) as redis:
        assert await redis.llen(f"{settings.JWT_ISSUER}:{settings.JWT_ISSUER}") == 1
    log = read_log()
    assert "Redis did not accept the task: ConnectionError" in log
    assert "Traceback" not in log
    assert PASSWORD not in log


async def test_service_is_not_ready_without_its_broker(
    broken: Settings, server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(probe, "PROBE_SECONDS", PATIENCE)
    server.kill()
    async with running_with(broken) as service:
        refused = await service.client().get("/health/ready")
        assert refused.status_code == 503
        assert refused.json()["detail"] == "Redis is not responding"

        server.start_again()
        assert (await service.client().get("/health/ready")).status_code == 200
