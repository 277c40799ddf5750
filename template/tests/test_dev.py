"""`dev` and `serve` as their users see them: processes that answer, and end when told to."""

import asyncio
import os
import shutil
import signal
import socket
import sys
from asyncio.subprocess import PIPE, STDOUT, Process
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import uuid4

import pytest
from httpx import AsyncClient, ConnectError, ReadError, RemoteProtocolError

from app.cli.declared import ROOT
from tests.command_line import KEY
from tests.databases import Databases

REGISTER = "/api/v1/auth/register"
USER = {"email": "ada@example.com", "name": "Ada", "password": "Correct-Horse-7!"}


@contextmanager
def copy_of_the_project() -> Iterator[Path]:
    """For what a command writes into it."""
    with TemporaryDirectory() as folder:
        Path(folder).chmod(0o711)  # a server may run as another account
        for name in ("app", "migrations"):
            shutil.copytree(ROOT / name, Path(folder) / name)
        shutil.copy(ROOT / "pyproject.toml", folder)
        yield Path(folder)


@pytest.fixture
def project() -> Iterator[Path]:
    with copy_of_the_project() as project:
        yield project


@asynccontextmanager
async def running(
    project: Path, *arguments: str, **environment: str
) -> AsyncGenerator[tuple[Process, AsyncClient]]:
    """The command and a client for it, as soon as it answers."""
    port = free_port()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "app", *arguments, "--host", "127.0.0.1", "--port", str(port)),
        cwd=project,
        env=os.environ | environment,
        stdout=PIPE,
        stderr=STDOUT,
        process_group=0,
    )
    try:
        async with AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=30) as client:
            async with asyncio.timeout(30):
                await answering(process, client)
            yield process, client
    finally:
        if process.returncode is None:
            os.killpg(process.pid, signal.SIGKILL)
            await process.wait()


async def answering(process: Process, client: AsyncClient, status: str = "") -> None:
    """Until it does with this status, be it just started or in the middle of a reload."""
    while process.returncode is None:
        with suppress(ConnectError, ReadError, RemoteProtocolError):
            if status in (await client.get("/health")).text:
                return
        await asyncio.sleep(0.05)
    assert process.stdout
    pytest.fail((await process.stdout.read()).decode())


async def output_after(process: Process, sent: signal.Signals) -> str:
    """What it printed, once it has ended: the whole group gets the signal, as from a terminal."""
    os.killpg(process.pid, sent)
    async with asyncio.timeout(20):
        output, _ = await process.communicate()
    return output.decode()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


async def test_dev_serves_what_was_just_changed_until_ctrl_c(project: Path) -> None:
    limits = {"RATE_LIMIT_ADDRESSES": "true", "RATE_LIMIT_REGISTER": "1/hour"}
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
        async with asyncio.timeout(30):
            await answering(process, client, "mended")
        output = await output_after(process, signal.SIGINT)
    assert process.returncode == 0
    assert f"{client.base_url}/api/v1/docs" in output
    assert "create-admin you@example.com" in output
    assert "Traceback" not in output


@pytest.fixture(scope="module")
async def deployed(
    databases: Databases, migrated: str
) -> AsyncGenerator[tuple[Process, AsyncClient]]:
    """For the rest of this file, whose last test ends it."""
    environment = {
        "ALLOWED_HOSTS": "127.0.0.1",
        "DATABASE_URL": await databases.copy(migrated),
        "ENVIRONMENT": "production",
        "FORWARDED_ALLOW_IPS": "192.0.2.9",
        "RATE_LIMIT_REGISTER": "1/hour",
        "SECRET_KEY": KEY,
        "WORKERS": "1",
    }
    async with running(ROOT, "serve", **environment) as served:
        yield served


async def test_serve_believes_no_address_that_just_anybody_tells(
    deployed: tuple[Process, AsyncClient],
) -> None:
    _, client = deployed
    answers = [
        await client.post(REGISTER, json={}, headers={"X-Forwarded-For": f"192.0.2.{number}"})
        for number in range(2)
    ]
    assert [answer.status_code for answer in answers] == [422, 429]


async def test_serve_ends_in_order_when_it_is_told_to(
    deployed: tuple[Process, AsyncClient],
) -> None:
    process, client = deployed
    answer = await client.get("/health/ready")
    assert answer.status_code == 200
    assert "server" not in answer.headers
    output = await output_after(process, signal.SIGTERM)
    assert process.returncode == 0
    assert output.count("Application shutdown complete.") == 1
    assert "Traceback" not in output
