"""`dev` with Redis, as its users see it."""

import signal
from pathlib import Path

import pytest

from tests.support.processes import output_after, running
from tests.support.processes import project as project
from tests.support.service import Service


async def test_dev_has_a_redis_of_its_own_until_ctrl_c(
    project: Path, committed_service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("REDIS_URL")
    url = committed_service.settings.DATABASE_URL
    async with running(project, "dev", DATABASE_URL=url) as (process, client):
        assert (await client.get("/health/ready")).status_code == 200
        output = await output_after(process, signal.SIGINT)
    assert process.returncode == 0
    assert "Traceback" not in output
    assert "redis_lost" not in output[output.index("Shutting down") :]
