"""A worker for development, which restarts after each code change."""

import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

RUNNER = Path(__file__).with_name("run_worker.py")


@contextmanager
def reloading_worker(project: Path) -> Generator[None]:
    with subprocess.Popen(
        (sys.executable, "-I", RUNNER),
        cwd=project,
        stdin=subprocess.PIPE,  # closes when we end, even if killed: this stops it
        start_new_session=True,  # so that Ctrl-C stops the server first
    ):
        yield
