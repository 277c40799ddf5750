"""A run of a project's tests leaves nothing behind, whichever signal ends it."""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.combinations import VALID
from tests.conftest import ROOT
from tests.installing import Run
from tests.running import processes_of
from tests.waiting import PATIENCE, eventually

COMBINATIONS = [each for each in VALID if each.id == "postgres-redis-celery"]

CONFTEST = """
import pytest
from sweeping import sweep_afterwards

SWEEPER = pytest.StashKey()

def pytest_configure(config):
    if not hasattr(config, "workerinput"):
        config.stash[SWEEPER] = sweep_afterwards()
"""
DETACHED = """
import subprocess, sys, tempfile, threading
from pathlib import Path

CHILD = "import threading; threading.Event().wait()"

def test_hangs():
    tempfile.mkdtemp()
    subprocess.Popen((sys.executable, "-c", CHILD, str(Path.cwd())), start_new_session=True)
    Path("begun").write_text(tempfile.gettempdir())
    threading.Event().wait()
"""
# A background process may inherit an ignored SIGINT.
PYTEST = """
import signal, sys, pytest
signal.signal(signal.SIGINT, signal.default_int_handler)
sys.exit(pytest.main())
"""
HANGING = """
import asyncio
from pathlib import Path
from tempfile import gettempdir

from tests.support.celery_worker import Worker
from tests.support.celery_worker import worker as worker
from tests.support.celery_worker import mailbox as mailbox
from tests.support.processes import serving
from tests.support.service import Service


async def test_hangs(committed_service: Service, worker: Worker) -> None:
    settings = committed_service.settings
    key = settings.SECRET_KEY.get_secret_value()
    async with serving(DATABASE_URL=settings.DATABASE_URL, SECRET_KEY=key):
        await worker.printed("ready")
        Path("begun").write_text(gettempdir())
        await asyncio.Event().wait()
"""


def end(process: subprocess.Popen[bytes], sent: signal.Signals, folder: Path) -> None:
    """Send the signal once the test hangs, and wait until everything is cleaned up."""
    begun = folder / "begun"
    assert eventually(lambda: begun.exists() and begun.read_text() != "")
    temporary = Path(begun.read_text())
    begun.unlink()
    assert temporary.exists()
    process.send_signal(sent)
    process.wait(PATIENCE)
    assert eventually(lambda: not processes_of(folder)), processes_of(folder)
    assert eventually(lambda: not temporary.exists())


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_no_process_or_folder_outlives_an_interrupted_run(
    sent: signal.Signals, tmp_path: Path
) -> None:
    shutil.copy(ROOT / "template/tests/support/sweeping.py", tmp_path)
    (tmp_path / "conftest.py").write_text(CONFTEST)
    (tmp_path / "test_hangs.py").write_text(DETACHED)
    command = (sys.executable, "-c", PYTEST, "-q", "-n1", f"--rootdir={tmp_path}")
    environment = {name: text for name, text in os.environ.items() if "PYTEST" not in name}
    with subprocess.Popen(command, cwd=tmp_path, env=environment) as process:
        end(process, sent, tmp_path)


def test_servers_and_workers_end_when_a_run_is_killed(
    run: Run, project: Path, environment: dict[str, str], workshop: Path
) -> None:
    hanging = project / "tests/test_hangs.py"
    hanging.write_text(HANGING)
    command = ("python", "-m", "pytest", "-q", "-n1", hanging)
    with subprocess.Popen(command, cwd=project, env=environment) as process:
        end(process, signal.SIGKILL, project)
    hanging.unlink()
    assert eventually(lambda: not processes_of(workshop))
