"""A server in a process of its own, and clients that harm it if they can."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass

import pytest
from httpx import AsyncClient, HTTPError
from sqlalchemy import select

from app.db.dialect import create_engine
from app.models import User
from tests.conftest import settings_for
from tests.platform.test_dev import REGISTER, USER
from tests.support.command_line import KEY
from tests.support.databases import Databases
from tests.support.processes import Forked, kill, serving
from tests.support.raw_http import connect
from tests.support.waiting import PATIENCE, patience


@dataclass
class Served:
    process: Forked
    client: AsyncClient
    database_url: str


@asynccontextmanager
async def serve(database_url: str) -> AsyncGenerator[Served]:
    environment = {
        "DATABASE_URL": database_url,
        "ENVIRONMENT": "development",
        "FORWARDED_ALLOW_IPS": "127.0.0.1",
        "RATE_LIMIT_ADDRESSES": "true",
        "RATE_LIMIT_LOGIN": "1/day",
        "RATE_LIMIT_REGISTER": "10000/minute",
        "SECRET_KEY": KEY,
    }
    async with serving(**environment) as (process, client):
        yield Served(process, client, database_url)


@pytest.fixture(scope="module")
async def served(databases: Databases, migrated: str) -> AsyncGenerator[Served]:
    """A server for all tests of this file but the one that kills it."""
    async with serve(await databases.copy(migrated)) as served:
        yield served


@pytest.fixture
async def doomed(own_url: str) -> AsyncGenerator[Served]:
    async with serve(own_url) as doomed:
        yield doomed


@pytest.mark.parametrize(
    "sent",
    [
        b"GARBAGE\r\n\r\n",
        b"GET /health HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n",
        b"POST /health HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
    ],
    ids=["nonsense", "a negative length", "two lengths"],
)
async def test_what_is_no_request_is_refused(served: Served, sent: bytes) -> None:
    async with connect(served.client) as connection, patience():
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
async def test_what_has_no_end_is_cut_off(served: Served, begin: bytes) -> None:
    async with connect(served.client) as connection, patience():
        with suppress(ConnectionError):  # it may hang up while we still send
            await connection.send(begin)
            await connection.send(b"x" * 1_000_000)
            assert (await connection.problem())["status"] == 431


@pytest.mark.parametrize(("size", "status"), [(60_000, 200), (70_000, 431)])
async def test_a_head_has_a_largest_length_however_it_arrives(
    served: Served, size: int, status: int
) -> None:
    head = b"GET /health HTTP/1.1\r\nHost: a\r\nX: " + b"x" * size + b"\r\n\r\n"
    async with connect(served.client) as connection, patience():
        await connection.send(head * 2)
        assert await connection.status() == status


async def test_clients_that_send_half_a_request_keep_nobody_waiting(served: Served) -> None:
    async with AsyncExitStack() as stack, patience():
        for _ in range(30):
            in_head = await stack.enter_async_context(connect(served.client))
            await in_head.send(b"POST /api/v1/auth/login HTTP/1.1\r\nHost: 127.0.0.1\r\nX-")
            in_body = await stack.enter_async_context(connect(served.client))
            await in_body.send_head("POST", REGISTER, 5000)
            await in_body.send(b'{"email": ')

        assert (await served.client.get("/health")).status_code == 200
        assert (await served.client.get("/health/ready")).status_code == 200
        assert (await served.client.post(REGISTER, json=USER)).status_code == 201


async def test_the_address_that_a_trusted_proxy_tells_is_believed(served: Served) -> None:
    answers = [
        await served.client.post(
            "/api/v1/auth/login",
            json={},
            headers={"X-Forwarded-For": f"192.0.2.{number}"},
        )
        for number in (1, 2, 1)
    ]
    assert [answer.status_code for answer in answers] == [422, 422, 429]


async def test_acknowledged_registration_survives_a_killed_server(doomed: Served) -> None:
    acknowledged: list[str] = []
    enough = asyncio.Event()

    async def register(client: int) -> None:
        with suppress(HTTPError):
            for number in range(1000):
                body = USER | {"email": f"{client}.{number}@example.com"}
                response = await doomed.client.post(REGISTER, json=body)
                assert response.status_code == 201
                acknowledged.append(body["email"])
                if len(acknowledged) == 20:
                    enough.set()

    clients = [asyncio.create_task(register(number)) for number in range(8)]
    async with patience():
        await enough.wait()
    await kill(doomed.process)
    await asyncio.gather(*clients)

    engine = create_engine(settings_for(doomed.database_url), pool_timeout=PATIENCE)
    async with engine.connect() as connection:
        stored = set(await connection.scalars(select(User.email)))
    await engine.dispose()
    assert set(acknowledged) <= stored
