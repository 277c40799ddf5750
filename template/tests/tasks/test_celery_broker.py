"""The Redis that passes tasks on: how it is reached, and what happens when it is away."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from ssl import CERT_REQUIRED
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit
from uuid import uuid4

import pytest

from app.api import health
from app.cli.redis import private_redis
from app.core.config import Settings
from app.core.errors import Unavailable
from app.tasks import celery, queue
from app.tasks.celery import create_celery, open_tasks
from app.tasks.email import send_welcome_email
from tests.conftest import settings_for
from tests.support.celery_worker import settings_of_its_own
from tests.support.factories import PASSWORD
from tests.support.ports import reserved_port
from tests.support.redis import connect
from tests.support.service import Service, running_with
from tests.support.waiting import PATIENCE, patience

REGISTER = "/api/v1/auth/register"
ADA = {"email": "ada@example.com", "name": "Ada", "password": PASSWORD}


@dataclass
class HungRedis:
    """Takes connections and never answers."""

    asked: asyncio.Event = field(default_factory=asyncio.Event)
    connections: list[asyncio.StreamWriter] = field(default_factory=list)
    server: asyncio.Server = field(init=False)

    async def start(self) -> None:
        self.server = await asyncio.start_server(self._say_nothing, "127.0.0.1", 0)

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.server.sockets[0].getsockname()[1]}/0"

    def hang_up(self) -> None:
        self.server.close()
        for connection in self.connections:
            connection.close()

    async def _say_nothing(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.connections.append(writer)
        await reader.read(1)
        self.asked.set()
        await reader.read()
        writer.close()


@pytest.fixture
async def hung_redis(monkeypatch: pytest.MonkeyPatch) -> AsyncGenerator[HungRedis]:
    monkeypatch.setattr(queue, "OUTAGE_TRIES", 1)
    redis = HungRedis()
    await redis.start()
    yield redis
    redis.hang_up()
    await redis.server.wait_closed()


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
    with private_redis() as url:
        settings = settings_of_its_own(service.settings.DATABASE_URL, REDIS_URL=url)
        async with open_tasks(settings, service.database) as start:
            await start(send_welcome_email, str(uuid4()), [], {})
        async with connect(url) as redis:
            keys = [str(key) for key in await redis.keys()]

    assert f"{settings.JWT_ISSUER}:{settings.JWT_ISSUER}" in keys
    assert [key for key in keys if not key.startswith(f"{settings.JWT_ISSUER}:")] == []


async def test_a_full_redis_is_worth_another_try(service: Service) -> None:
    with private_redis() as url:
        async with connect(url) as redis:
            await redis.config_set("maxmemory", 1)
        settings = settings_for(service.settings.DATABASE_URL, CELERY_BROKER_URL=url)
        async with open_tasks(settings, service.database) as start:
            with pytest.raises(Unavailable, match="Redis does not take the task"):
                await start(send_welcome_email, "1", [], {})


async def test_a_hung_redis_stops_no_other_request(
    own_url: str, hung_redis: HungRedis, monkeypatch: pytest.MonkeyPatch
) -> None:
    events: list[str] = []
    publish = celery.publish

    def noted(*args: Any) -> None:
        try:
            publish(*args)
        finally:
            events.append("given up")

    monkeypatch.setattr(celery, "publish", noted)
    settings = settings_for(own_url, CELERY_BROKER_URL=hung_redis.url)
    async with running_with(settings) as service, service.client() as client, patience():
        registration = asyncio.create_task(client.post(REGISTER, json=ADA))
        await hung_redis.asked.wait()
        assert (await client.get("/health")).status_code == 200
        events.append("answered")
        hung_redis.hang_up()
        assert (await registration).status_code == 201
    assert events == ["answered", "given up"]


async def test_a_hung_redis_delays_the_end_only_for_a_moment(
    own_url: str, hung_redis: HungRedis, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Fires early without harm: no answer can come.
    monkeypatch.setattr(celery, "ANSWER_SECONDS", 0.1)
    settings = settings_for(own_url, CELERY_BROKER_URL=hung_redis.url)
    async with patience(), running_with(settings) as service, service.client() as client:
        assert (await client.post(REGISTER, json=ADA)).status_code == 201
    assert hung_redis.asked.is_set()


@pytest.fixture
def port() -> Iterator[int]:
    with reserved_port() as port:
        yield port


async def test_a_task_waits_for_a_redis_that_comes_back(
    committed_service: Service,
    port: int,
    monkeypatch: pytest.MonkeyPatch,
    read_log: Callable[[], str],
) -> None:
    url = f"redis://:{PASSWORD}@127.0.0.1:{port}/0"
    settings = settings_for(committed_service.settings.DATABASE_URL, CELERY_BROKER_URL=url)
    with ExitStack() as stack:

        async def start_redis(seconds: float) -> None:
            stack.enter_context(private_redis(port))

        monkeypatch.setattr(queue, "sleep", start_redis)
        async with running_with(settings) as service, service.client() as client:
            assert (await client.post(REGISTER, json=ADA)).status_code == 201
        async with connect(url.replace(f":{PASSWORD}@", "")) as redis:
            assert await redis.llen(f"{settings.JWT_ISSUER}:{settings.JWT_ISSUER}") == 1
    log = read_log()
    assert "Redis does not take the task: ConnectionError" in log
    assert "Traceback" not in log
    assert PASSWORD not in log


async def test_the_service_is_not_ready_while_a_broker_of_its_own_is_away(
    own_url: str, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "CHECK_SECONDS", PATIENCE)
    url = f"redis://127.0.0.1:{port}/0"
    async with running_with(settings_for(own_url, CELERY_BROKER_URL=url)) as service:
        refused = await service.client().get("/health/ready")
        assert refused.status_code == 503
        assert refused.json()["detail"] == "Redis does not answer"

        with private_redis(port):
            assert (await service.client().get("/health/ready")).status_code == 200
