"""`worker`: runs the tasks that the service enqueues."""

import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from app.cli.declared import ROOT

KEEPER = Path(__file__).with_name("worker_keeper.py")

Concurrency = Annotated[int, typer.Option(help="How many tasks run at a time.", min=1, max=64)]


def worker(concurrency: Concurrency = 2) -> None:
    """Run the tasks that the service enqueues, until told to stop."""
    from app.cli.project import project
    from app.tasks.celery_worker import run_worker

    with project() as settings:
        raise SystemExit(run_worker(settings, concurrency))


@contextmanager
def development_worker() -> Generator[None]:
    """A worker that starts anew after each change of the code."""
    with subprocess.Popen(
        (sys.executable, "-I", KEEPER),
        cwd=ROOT,
        stdin=subprocess.PIPE,  # closed when we end, in whatever way, and then the worker stops
        start_new_session=True,  # so that Ctrl-C stops the server first
    ):
        yield
