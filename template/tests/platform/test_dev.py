"""`dev` and `serve` as their users see them: processes that answer, and end when told to."""

import signal
from collections.abc import AsyncGenerator
from pathlib import Path
from uuid import uuid4

import pytest
from httpx import AsyncClient

from tests.support.command_line import KEY
from tests.support.databases import Databases
from tests.support.processes import Forked, answering, output_after, running, serving
from tests.support.processes import project as project

REGISTER = "/api/v1/auth/register"
USER = {"email": "ada@example.com", "name": "Ada", "password": "Correct-Horse-7!"}


async def test_dev_serves_what_was_just_changed_until_ctrl_c(project: Path) -> None:
    limits = {"RATE_LIMIT_ADDRESSES": "true", "RATE_LIMIT_REGISTER": "1/day"}
    own = {"JWT_ISSUER": str(uuid4())}  # or its counters are those of other tests
    async with running(project, "dev", **limits | own) as (process, client):
        assert "SECRET_KEY=" in (project / ".env").read_text()
        answer = await client.post(REGISTER, json=USER)
        assert answer.status_code == 201
        assert "server" not in answer.headers
        elsewhere = {"X-Forwarded-For": "192.0.2.1"}
        assert (await client.post(REGISTER, json=USER, headers=elsewhere)).status_code == 429
        assert (await client.get("/api/v1/docs")).status_code == 200
        health = project / "app" / "api" / "health.py"
        health.write_text(health.read_text().replace('"healthy"', '"mended"'))
        await answering(process, client, "mended")
        output = await output_after(process, signal.SIGINT)
    assert process.returncode == 0
    assert f"{client.base_url}/api/v1/docs" in output
    assert "create-admin you@example.com" in output
    assert "Traceback" not in output


@pytest.fixture
async def deployed(
    databases: Databases, migrated: str
) -> AsyncGenerator[tuple[Forked, AsyncClient]]:
    environment = {
        "ALLOWED_HOSTS": "127.0.0.1",
        "DATABASE_URL": await databases.copy(migrated),
        "ENVIRONMENT": "production",
        "FORWARDED_ALLOW_IPS": "192.0.2.9",
        "RATE_LIMIT_REGISTER": "1/day",
        "SECRET_KEY": KEY,
    }
    async with serving(**environment) as served:
        yield served


async def test_serve_ignores_addresses_from_unknown_proxies(
    deployed: tuple[Forked, AsyncClient],
) -> None:
    _, client = deployed
    answers = [
        await client.post(REGISTER, json={}, headers={"X-Forwarded-For": f"192.0.2.{number}"})
        for number in range(2)
    ]
    assert [answer.status_code for answer in answers] == [422, 429]


async def test_serve_stops_in_order(deployed: tuple[Forked, AsyncClient]) -> None:
    process, client = deployed
    answer = await client.get("/health/ready")
    assert answer.status_code == 200
    assert "server" not in answer.headers
    output = await output_after(process, signal.SIGTERM)
    assert process.returncode == 0
    assert output.count("Application shutdown complete.") == 1
    assert "Traceback" not in output
