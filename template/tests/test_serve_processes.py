"""`serve` with several processes, as its users see it."""

import signal
from pathlib import Path

from app.core.config import Settings
from tests.service import Service
from tests.test_dev import output_after, running
from tests.test_dev import project as project


async def test_each_process_ends_in_order(project: Path, committed_service: Service) -> None:
    environment = {"DATABASE_URL": committed_service.settings.DATABASE_URL, "WORKERS": "2"}

    async with running(project, "serve", **environment) as (process, client):
        assert (await client.get("/health/ready")).status_code == 200
        output = await output_after(process, signal.SIGTERM)

    assert process.returncode == 0
    assert output.count("Application shutdown complete.") == 2
    assert "Traceback" not in output


def test_there_are_four_of_them_by_default() -> None:
    assert Settings.model_fields["WORKERS"].default == 4
