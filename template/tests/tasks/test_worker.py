"""The commands `worker` and `dev`, which reloads its worker, as users see them."""

import os
import signal
import sys
from asyncio import create_subprocess_exec
from asyncio.subprocess import PIPE, STDOUT, Process
from pathlib import Path
from uuid import uuid4

from app.core.config import Settings
from development.redis import private_redis
from tests.support import celery_tasks
from tests.support.celery_worker import HoldingMailbox, running_worker, settings_of_its_own
from tests.support.celery_worker import mailbox as mailbox
from tests.support.factories import PASSWORD
from tests.support.logins import ADA, REGISTER
from tests.support.ports import reserved_port
from tests.support.processes import answering, output_after, running
from tests.support.service import Service
from tests.support.waiting import patience

DEVELOPMENT_WORKER = """
import sys
from pathlib import Path
from development.worker import reloading_worker
with reloading_worker(Path.cwd()):
    sys.stdin.read()
"""


async def test_worker_waits_for_redis_and_finishes_its_task(
    settings: Settings, mailbox: HoldingMailbox, tmp_path: Path
) -> None:
    with reserved_port() as port:
        url = f"redis://:{PASSWORD}@127.0.0.1:{port}/0"
        own = settings_of_its_own(settings.DATABASE_URL, CELERY_BROKER_URL=url, **mailbox.settings)
        async with running_worker(own, tmp_path) as worker:
            output = await worker.printed("Trying again in")
            assert "Connection refused" in output

            with private_redis(port):
                await worker.printed("ready")
                mailbox.hold("ada@example.com")
                await worker.publish(celery_tasks.send_mail, to="ada@example.com")
                await mailbox.holding()
                worker.process.send_signal(signal.SIGTERM)
                await worker.printed("Warm shutdown")
                mailbox.release()
                assert await worker.process.wait() == 0

    assert mailbox.count("ada@example.com") == 1
    output = worker.log.read_text()
    assert "Traceback" not in output
    assert PASSWORD not in output


async def printed(process: Process, *texts: str) -> None:
    """Return once each of them has been printed, one after the other."""
    assert process.stdout
    async with patience():
        for text in texts:
            while text not in (line := await process.stdout.readline()).decode():
                assert line


async def test_dev_runs_redis_and_reloads_worker(project: Path, committed_service: Service) -> None:
    environment = {"DATABASE_URL": committed_service.settings.DATABASE_URL, "REDIS_URL": ""}
    async with running(project, "dev", **environment) as (process, client):
        assert (await client.get("/health/ready")).status_code == 200
        assert (await client.post(REGISTER, json=ADA)).status_code == 201
        await printed(process, f"To: {ADA['email']}")
        health = project / "app" / "api" / "health.py"
        health.write_text(health.read_text().replace('"healthy"', '"mended"'))
        await printed(process, "ready.")
        await answering(process, client, "mended")
        output = await output_after(process, signal.SIGINT)
    assert process.returncode == 0
    assert "Traceback" not in output
    assert "redis_unavailable" not in output[output.index("Shutting down") :]


async def test_worker_ends_with_a_killed_dev(project: Path, committed_service: Service) -> None:
    (project / "development" / "watchfiles.py").write_text("raise ImportError('the wrong one')")
    development = await create_subprocess_exec(
        sys.executable,
        "-c",
        DEVELOPMENT_WORKER,
        cwd=project,
        env=os.environ
        | {"DATABASE_URL": committed_service.settings.DATABASE_URL, "JWT_ISSUER": str(uuid4())},
        stdin=PIPE,
        stdout=PIPE,
        stderr=STDOUT,
    )
    await printed(development, "ready.")

    development.kill()

    assert development.stdout
    async with patience():
        assert "Warm shutdown" in (await development.stdout.read()).decode()
