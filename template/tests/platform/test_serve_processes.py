"""`serve` with several processes, as its users see it."""

import asyncio
import json
import os
import signal
import sys
from pathlib import Path

import pytest

from app.core.config import Settings
from app.core.paths import ROOT
from tests.support.logins import ADA, REGISTER
from tests.support.processes import running
from tests.support.raw_http import connect, refused
from tests.support.service import Service
from tests.support.waiting import patience

BROKEN = """
import sys
from uvicorn import Config

from app.server.supervisor import run


async def app(scope, receive, send):
    raise RuntimeError("It cannot start")


if __name__ == "__main__":
    run(Config("broken:app", port=0, workers=int(sys.argv[1]), lifespan="on"))
"""


async def test_shutdown_finishes_every_request(project: Path, committed_service: Service) -> None:
    environment = {"DATABASE_URL": committed_service.settings.DATABASE_URL, "WORKERS": "2"}
    body = json.dumps(ADA).encode()

    async with running(project, "serve", **environment) as (process, client):
        assert (await client.get("/health/ready")).status_code == 200
        async with connect(client) as begun, patience():
            await begun.send_head("POST", REGISTER, len(body), expect="100-continue")
            assert await begun.status() == 100
            os.kill(process.pid, signal.SIGTERM)
            await refused(client)
            await begun.send(body)
            assert await begun.status() == 201
            assert json.loads(await begun.rest())["email"] == ADA["email"]
            output, _ = await process.communicate()

    assert process.returncode == 0
    assert output.count(b"Application shutdown complete.") == 2
    assert b"Traceback" not in output


@pytest.mark.parametrize("workers", ["1", "2"])
async def test_failed_start_is_an_exit_code(tmp_path: Path, workers: str) -> None:
    (tmp_path / "broken.py").write_text(BROKEN)
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "broken.py",
        workers,
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stderr=asyncio.subprocess.DEVNULL,
    )

    async with patience():
        assert await process.wait() == 3


def test_four_processes_are_the_default() -> None:
    assert Settings.model_fields["WORKERS"].default == 4
