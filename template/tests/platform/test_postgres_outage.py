"""While the database is down or hangs: 503, and no longer than that."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable
from typing import Any

import pytest
from httpx import AsyncClient, Response
from limits.aio.storage import MemoryStorage
from sqlalchemy import make_url, text

from app.api.deps import DB
from app.api.rate_limit import RateLimiter
from app.core import probe
from app.db import postgres
from tests.conftest import settings_for
from tests.support.factories import new_user
from tests.support.logins import ADA, REGISTER, try_login
from tests.support.ports import reserved_port
from tests.support.postgres_line import Limits, Line
from tests.support.service import Service, add_route, running_with
from tests.support.waiting import NEVER, eventually


@pytest.fixture
async def line(own_url: str) -> AsyncGenerator[Line]:
    url = make_url(own_url)
    with reserved_port() as port:
        line = Line(url.host or "", url.port or 5432, port)
        await line.open()
        yield line
        line.resume()
        line.cut()


@pytest.fixture
async def limits(monkeypatch: pytest.MonkeyPatch) -> Limits:
    monkeypatch.setattr(probe, "PROBE_SECONDS", NEVER)
    monkeypatch.setattr(postgres, "CONNECT_TIMEOUT_SECONDS", NEVER)
    monkeypatch.setattr(postgres, "COMMAND_TIMEOUT_SECONDS", NEVER)
    return Limits(monkeypatch)


@pytest.fixture
async def wired_service(own_url: str, line: Line, limits: Limits) -> AsyncGenerator[Service]:
    url = make_url(own_url).set(host="127.0.0.1", port=line.port)
    settings = settings_for(url.render_as_string(hide_password=False))
    async with running_with(settings) as service:
        yield service


@pytest.mark.parametrize("pooled", [0, 5])
async def test_outage_is_503_until_it_ends(wired_service: Service, line: Line, pooled: int) -> None:
    client = wired_service.client()
    await asyncio.gather(*(client.get("/health/ready") for _ in range(pooled)))
    line.cut()

    assert (await client.get("/health")).status_code == 200
    assert {(await client.get("/health/ready")).status_code for _ in range(5)} == {503}
    response = await client.post(REGISTER, json=ADA)
    assert response.status_code == 503
    assert response.headers["Retry-After"] == "5"

    await line.open()
    assert {(await client.get("/health/ready")).status_code for _ in range(5)} == {200}
    assert (await client.post(REGISTER, json=ADA)).status_code == 201


async def test_no_log_contains_the_password(
    own_url: str, line: Line, capsys: pytest.CaptureFixture[str]
) -> None:
    url = make_url(own_url).set(host="127.0.0.1", port=line.port, password="hunter2")
    settings = settings_for(url.render_as_string(hide_password=False))
    line.cut()
    async with running_with(settings) as service:
        assert (await service.client().get("/health/ready")).status_code == 503

    log = capsys.readouterr().err
    assert "database_unreachable" in log
    assert "hunter2" not in log


async def test_outage_uses_up_no_quota(wired_service: Service, line: Line) -> None:
    limits: dict[str, Any] = {
        "RATE_LIMIT_ADDRESSES": True,
        "RATE_LIMIT_ENABLED": True,
        "RATE_LIMIT_LOGIN_FAILURES": "1/hour",
        "RATE_LIMIT_REGISTER": "1/hour",
    }
    settings = wired_service.settings.model_copy(update=limits)
    limiter = RateLimiter(settings, MemoryStorage(), wired_service.database)
    client = wired_service.client()

    async def register_and_log_in() -> list[int]:
        return [
            (await client.post(REGISTER, json=ADA)).status_code,
            (await try_login(client, ADA["email"])).status_code,
        ]

    with wired_service.replaced(limiter=limiter):
        line.cut()
        assert await register_and_log_in() == [503, 503]
        assert await register_and_log_in() == [503, 503]
        await line.open()
        assert await register_and_log_in() == [201, 200]


async def assert_503(
    client: AsyncClient, line: Line, limits: Limits, *requests: Awaitable[Response]
) -> None:
    """Check that requests on a silent line end, and that the service recovers."""
    tasks = [asyncio.ensure_future(request) for request in requests]
    await eventually(lambda: line.held == len(tasks))
    await limits.pass_for(*tasks)

    assert {(await task).status_code for task in tasks} == {503}
    line.resume()
    assert (await client.get("/health/ready")).status_code == 200


@pytest.mark.parametrize("probes", [0, 1])
async def test_hanging_database_is_503_in_bounded_time(
    wired_service: Service, line: Line, limits: Limits, probes: int
) -> None:
    """The first request has a pooled connection, the second must open one."""
    client = wired_service.client()
    await client.get("/health/ready")
    line.silence()
    requests = [client.get("/health/ready") for _ in range(probes)]

    await assert_503(client, line, limits, *requests, client.post(REGISTER, json=ADA))


async def test_hanging_transaction_is_503_in_bounded_time(
    wired_service: Service, line: Line, limits: Limits
) -> None:
    async def hang_halfway(db: DB) -> None:
        db.add(new_user())
        await db.flush()
        line.silence()
        await db.execute(text("SELECT 1"))

    client = wired_service.client()
    path = add_route(wired_service, hang_halfway)
    await assert_503(client, line, limits, client.post(path))
