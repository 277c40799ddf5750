"""The Redis that passes tasks on: how it is reached, and what happens when it is away."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import ExitStack
from ssl import CERT_REQUIRED
from urllib.parse import parse_qsl, unquote, urlsplit
from uuid import uuid4

import pytest
from redis.asyncio import Redis

from app.cli.redis import private_redis
from app.core.config import Settings
from app.core.errors import Unavailable
from app.tasks import celery, queue
from app.tasks.celery import create_celery, open_tasks
from app.tasks.email import send_welcome_email
from tests.celery_worker import settings_of_its_own
from tests.conftest import settings_for
from tests.factories import PASSWORD
from tests.service import Service, running_with
from tests.test_dev import free_port

ADA = {"email": "ada@example.com", "name": "Ada", "password": PASSWORD}


@pytest.fixture
async def hung_redis() -> AsyncGenerator[str]:
    """The URL of a server that takes connections and never answers."""

    async def say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    async with await asyncio.start_server(say_nothing, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        yield f"redis://:Not-To-Be-Logged@127.0.0.1:{port}/0"


def test_redis_must_prove_its_name_where_the_url_asks_for_tls(settings: Settings) -> None:
    url = "rediss://redis.example.com:6379/0"

    connection = create_celery(settings_for(settings.DATABASE_URL, CELERY_BROKER_URL=url))

    assert connection.connection_for_write().ssl == {"ssl_cert_reqs": CERT_REQUIRED}


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("unix:///run/redis.sock", ("", "", "0")),
        ("unix:///run/redis.sock?db=3&password=p%40ss/word", ("", "p@ss/word", "3")),
        ("unix://ada:p%40ss@/run/redis.sock?db=1", ("ada", "p@ss", "1")),
    ],
)
def test_a_socket_is_reached_as_its_url_says(
    settings: Settings, url: str, expected: tuple[str, ...]
) -> None:
    own = settings_for(settings.DATABASE_URL, CELERY_BROKER_URL=url)

    with create_celery(own).connection_for_write() as connection:
        parts = urlsplit(str(connection.hostname))
        database = dict(parse_qsl(parts.query))["virtual_host"]

    login = unquote(parts.username or ""), unquote(parts.password or "")
    assert (parts.path, *login, database) == ("/run/redis.sock", *expected)


async def test_services_that_share_a_redis_have_keys_of_their_own(service: Service) -> None:
    settings = settings_of_its_own(service.settings.DATABASE_URL)
    async with Redis.from_url(settings.REDIS_URL, decode_responses=True) as redis:
        before = set(await redis.keys())

        async with open_tasks(settings, service.database) as start:
            await start(send_welcome_email, str(uuid4()), [], {})

        new = {str(key) for key in set(await redis.keys()) - before}
    assert f"{settings.JWT_ISSUER}:{settings.JWT_ISSUER}" in new
    assert [key for key in new if not key.startswith(f"{settings.JWT_ISSUER}:")] == []


async def test_a_full_redis_is_worth_another_try(service: Service) -> None:
    with private_redis() as url:
        async with Redis.from_url(url) as redis:
            await redis.config_set("maxmemory", 1)
        settings = settings_for(service.settings.DATABASE_URL, CELERY_BROKER_URL=url)
        async with open_tasks(settings, service.database) as start:
            with pytest.raises(Unavailable, match="Redis does not take the task"):
                await start(send_welcome_email, "1", [], {})


async def test_a_hung_redis_stops_neither_other_requests_nor_the_end(
    committed_service: Service, hung_redis: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(celery, "ANSWER_SECONDS", 0.5)
    monkeypatch.setattr(queue, "OUTAGE_TRIES", 1)
    url = committed_service.settings.DATABASE_URL
    settings = settings_for(url, CELERY_BROKER_URL=hung_redis)
    answers = 0
    async with running_with(settings) as service, service.client() as client:
        registration = asyncio.create_task(client.post("/api/v1/auth/register", json=ADA))
        while not registration.done():
            await asyncio.sleep(0.001)
            assert (await client.get("/health")).status_code == 200
            answers += 1
    assert registration.result().status_code == 201
    assert answers > 20  # while the registration's task waited for Redis


async def test_a_task_waits_for_a_redis_that_comes_back(
    committed_service: Service, monkeypatch: pytest.MonkeyPatch, read_log: Callable[[], str]
) -> None:
    url = f"redis://:{PASSWORD}@127.0.0.1:{(port := free_port())}/0"
    settings = settings_for(committed_service.settings.DATABASE_URL, CELERY_BROKER_URL=url)
    with ExitStack() as stack:

        async def start_redis(seconds: float) -> None:
            stack.enter_context(private_redis(port))

        monkeypatch.setattr(queue, "sleep", start_redis)
        async with running_with(settings) as service, service.client() as client:
            assert (await client.post("/api/v1/auth/register", json=ADA)).status_code == 201
        async with Redis.from_url(url.replace(f":{PASSWORD}@", "")) as redis:
            assert await redis.llen(f"{settings.JWT_ISSUER}:{settings.JWT_ISSUER}") == 1
    log = read_log()
    assert "Redis does not take the task: ConnectionError" in log
    assert "Traceback" not in log
    assert PASSWORD not in log


async def test_the_service_is_not_ready_while_a_broker_of_its_own_is_away(own_url: str) -> None:
    url = f"redis://127.0.0.1:{(port := free_port())}/0"
    async with running_with(settings_for(own_url, CELERY_BROKER_URL=url)) as service:
        refused = await service.client().get("/health/ready")
        assert refused.status_code == 503
        assert refused.json()["detail"] == "Redis does not answer"

        with private_redis(port):
            assert (await service.client().get("/health/ready")).status_code == 200
