"""`worker`: run the tasks that the service enqueues."""

from typing import Annotated

import typer

Concurrency = Annotated[int, typer.Option(help="Number of concurrent tasks.", min=1, max=64)]


def worker(concurrency: Concurrency = 2) -> None:
    """Run the tasks that the service enqueues, until stopped."""
    from app.cli.project import project
    from app.tasks.celery_worker import run_worker

    with project() as settings:
        raise SystemExit(run_worker(settings, concurrency))
