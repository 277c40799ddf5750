"""`serve` with several processes, as its users see it."""

import asyncio
import json
import os
import signal
import sys
from pathlib import Path

from app.cli.declared import ROOT
from app.core.config import Settings
from tests.platform.test_dev import USER
from tests.support.processes import project as project
from tests.support.processes import running
from tests.support.raw_http import connect, refused
from tests.support.service import Service
from tests.support.waiting import patience

BROKEN = """
from uvicorn import Config

from app.cli.supervisor import run


async def app(scope, receive, send):
    raise RuntimeError("It cannot start")


if __name__ == "__main__":
    run(Config("broken:app", port=0, workers=2, lifespan="on"))
"""


async def test_what_was_begun_is_finished_and_each_process_ends_in_order(
    project: Path, committed_service: Service
) -> None:
    environment = {"DATABASE_URL": committed_service.settings.DATABASE_URL, "WORKERS": "2"}
    body = json.dumps(USER).encode()

    async with running(project, "serve", **environment) as (process, client):
        assert (await client.get("/health/ready")).status_code == 200
        async with connect(client) as begun, patience():
            await begun.send_head("POST", "/api/v1/auth/register", len(body), expect="100-continue")
            assert await begun.status() == 100
            os.kill(process.pid, signal.SIGTERM)
            await refused(client)
            await begun.send(body)
            assert await begun.status() == 201
            assert json.loads(await begun.rest())["email"] == USER["email"]
            output, _ = await process.communicate()

    assert process.returncode == 0
    assert output.count(b"Application shutdown complete.") == 2
    assert b"Traceback" not in output


async def test_a_service_that_cannot_start_says_so_by_its_exit_code(tmp_path: Path) -> None:
    (tmp_path / "broken.py").write_text(BROKEN)
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "broken.py"),
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stderr=asyncio.subprocess.DEVNULL,
    )

    async with patience():
        assert await process.wait() == 3


def test_there_are_four_of_them_by_default() -> None:
    assert Settings.model_fields["WORKERS"].default == 4
