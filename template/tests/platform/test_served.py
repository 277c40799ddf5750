"""`serve` in its own process, and hostile clients."""

import asyncio
import signal
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, suppress

import pytest
from httpx import AsyncClient, HTTPError
from sqlalchemy import select

from app.db.dialect import create_engine
from app.models import User
from tests.conftest import settings_for
from tests.support.databases import Databases
from tests.support.logins import ADA, LOGIN, REGISTER
from tests.support.processes import KEY, kill, output_after, serving
from tests.support.raw_http import connect
from tests.support.waiting import PATIENCE, patience

ENVIRONMENT = {
    "ENVIRONMENT": "development",
    "FORWARDED_ALLOW_IPS": "127.0.0.1",
    "RATE_LIMIT_ADDRESSES": "true",
    "RATE_LIMIT_LOGIN": "1/day",
    "RATE_LIMIT_REGISTER": "10000/minute",
    "SECRET_KEY": KEY,
}


@pytest.fixture(scope="module")
async def served(databases: Databases, migrated: str) -> AsyncGenerator[AsyncClient]:
    """A client of the server that the tests share if they do not stop it."""
    url = await databases.copy(migrated)
    async with serving(DATABASE_URL=url, **ENVIRONMENT) as (_, client):
        yield client


@pytest.mark.parametrize(
    "sent",
    [
        b"GARBAGE\r\n\r\n",
        b"GET /health HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n",
        b"POST /health HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
    ],
    ids=["nonsense", "a negative length", "two lengths"],
)
async def test_invalid_http_gets_a_problem(served: AsyncClient, sent: bytes) -> None:
    async with connect(served) as connection, patience():
        await connection.send(sent)
        assert (await connection.problem())["status"] == 400


@pytest.mark.parametrize(
    "begin",
    [
        b"GET /health HTTP/1.1\r\nHost: a\r\nX: ",
        b"GET /health",
        b"POST /health HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX: ",
    ],
    ids=["a header", "a path", "a trailer"],
)
async def test_endless_head_is_cut_off(served: AsyncClient, begin: bytes) -> None:
    async with connect(served) as connection, patience():
        with suppress(ConnectionError):  # it may hang up while we still send
            await connection.send(begin)
            await connection.send(b"x" * 1_000_000)
            assert (await connection.problem())["status"] == 431


@pytest.mark.parametrize(("size", "status"), [(60_000, 200), (70_000, 431)])
async def test_head_in_one_piece_is_limited(served: AsyncClient, size: int, status: int) -> None:
    head = b"GET /health HTTP/1.1\r\nHost: a\r\nX: " + b"x" * size + b"\r\n\r\n"
    async with connect(served) as connection, patience():
        await connection.send(head * 2)
        assert await connection.status() == status


async def test_half_requests_block_no_other(served: AsyncClient) -> None:
    async with AsyncExitStack() as stack, patience():
        for _ in range(30):
            in_head = await stack.enter_async_context(connect(served))
            await in_head.send(b"POST /api/v1/auth/login HTTP/1.1\r\nHost: 127.0.0.1\r\nX-")
            in_body = await stack.enter_async_context(connect(served))
            await in_body.send_head("POST", REGISTER, 5000)
            await in_body.send(b'{"email": ')

        assert (await served.get("/health")).status_code == 200
        assert (await served.get("/health/ready")).status_code == 200
        assert (await served.post(REGISTER, json=ADA)).status_code == 201


async def statuses_by_address(client: AsyncClient, *numbers: int) -> list[int]:
    """Return the statuses of logins that claim to come from the addresses 192.0.2.x."""
    claims = [{"X-Forwarded-For": f"192.0.2.{number}"} for number in numbers]
    return [(await client.post(LOGIN, json={}, headers=each)).status_code for each in claims]


async def test_trusted_proxy_names_the_address(served: AsyncClient) -> None:
    assert await statuses_by_address(served, 1, 2, 1) == [422, 422, 429]


async def test_production_ignores_other_proxies_and_ends_cleanly(own_url: str) -> None:
    production = {
        "ALLOWED_HOSTS": "127.0.0.1",
        "ENVIRONMENT": "production",
        "FORWARDED_ALLOW_IPS": "192.0.2.9",
    }
    async with serving(DATABASE_URL=own_url, **ENVIRONMENT | production) as (process, client):
        response = await client.get("/health/ready")
        assert response.status_code == 200
        assert "server" not in response.headers
        assert await statuses_by_address(client, 1, 2) == [422, 429]
        output = await output_after(process, signal.SIGTERM)
    assert process.returncode == 0
    assert output.count("Application shutdown complete.") == 1
    assert "Traceback" not in output


async def test_acknowledged_registration_survives_a_killed_server(own_url: str) -> None:
    acknowledged: list[str] = []
    enough = asyncio.Event()

    async def register(client: AsyncClient, worker: int) -> None:
        with suppress(HTTPError):
            for number in range(1000):
                body = ADA | {"email": f"{worker}.{number}@example.com"}
                response = await client.post(REGISTER, json=body)
                assert response.status_code == 201
                acknowledged.append(body["email"])
                if len(acknowledged) == 20:
                    enough.set()

    async with serving(DATABASE_URL=own_url, **ENVIRONMENT) as (process, client):
        workers = [asyncio.create_task(register(client, number)) for number in range(8)]
        async with patience():
            await enough.wait()
        await kill(process)
        await asyncio.gather(*workers)

    engine = create_engine(settings_for(own_url), pool_timeout=PATIENCE)
    async with engine.connect() as connection:
        stored = set(await connection.scalars(select(User.email)))
    await engine.dispose()
    assert set(acknowledged) <= stored
