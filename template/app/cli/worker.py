"""`worker`: runs the tasks that the service enqueues."""

from typing import Annotated

import typer

Concurrency = Annotated[int, typer.Option(help="How many tasks run at a time.", min=1, max=64)]


def worker(concurrency: Concurrency = 2) -> None:
    """Run the tasks that the service enqueues, until told to stop."""
    from app.cli.project import project
    from app.tasks.celery_worker import run_worker

    with project() as settings:
        raise SystemExit(run_worker(settings, concurrency))
