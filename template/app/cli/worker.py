"""`worker`: runs the tasks that the service enqueues."""

from collections.abc import Generator
from contextlib import contextmanager


def worker() -> None:
    """Run the tasks that the service enqueues."""
    from app.cli.project import project

    with project():
        raise SystemExit("Not written yet.")


@contextmanager
def development_worker() -> Generator[None]:
    """A worker that starts anew after each change of the code."""
    yield
