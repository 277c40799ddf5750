"""`development/` is for development and tests: production runs without it."""

import os
import re
import signal
import sys
import tomllib
from asyncio.subprocess import PIPE, STDOUT, create_subprocess_exec
from pathlib import Path

from app.core.paths import ROOT
from tests.platform.test_dev import NO_SERVERS
from tests.support.ports import reserved_port
from tests.support.processes import KEY, output_after, running
from tests.support.service import Service

AS_IN_AN_IMAGE = """
import sys
sys.modules["development"] = None
from app.cli import main
main()
"""


async def test_production_needs_no_development_folder(
    project: Path, committed_service: Service
) -> None:
    environment = {
        "ALLOWED_HOSTS": "127.0.0.1",
        "DATABASE_URL": committed_service.settings.DATABASE_URL,
        "ENVIRONMENT": "production",
        "SECRET_KEY": KEY,
        "WORKERS": "1",
    }
    started = running(project, "serve", ("-c", AS_IN_AN_IMAGE), **environment)
    async with started as (process, client):
        assert (await client.get("/health/ready")).status_code == 200
        await output_after(process, signal.SIGTERM)
    assert process.returncode == 0


async def test_missing_development_folder_is_one_sentence(project: Path) -> None:
    with reserved_port() as port:
        process = await create_subprocess_exec(
            sys.executable,
            "-c",
            AS_IN_AN_IMAGE,
            "dev",
            "--port",
            str(port),
            cwd=project,
            env=os.environ | NO_SERVERS,
            stdout=PIPE,
            stderr=STDOUT,
        )
        output, _ = await process.communicate()
    assert process.returncode == 1
    assert b"The folder `development` is missing" in output
    assert b"Traceback" not in output


def test_private_servers_are_not_installed_in_production() -> None:
    """They are installed here, so they must be development dependencies."""
    code = "".join(path.read_text() for path in (ROOT / "development").glob("*.py"))
    wheels = re.findall(r'^WHEEL = "(.+)"$', code, re.MULTILINE)
    assert wheels
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert not [name for name in project["dependencies"] if name.startswith(tuple(wheels))]
