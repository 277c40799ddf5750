import inspect
import pkgutil
from importlib import import_module

import pytest

from app import tasks
from app.tasks import celery
from app.tasks.celery import open_tasks
from app.tasks.email import send_welcome_email
from app.tasks.queue import Job
from tests.support.service import Service


def tasks_of_the_service() -> list[object]:
    """Every public function whose first argument is a job."""
    modules = [
        import_module(name) for _, name, _ in pkgutil.iter_modules(tasks.__path__, "app.tasks.")
    ]
    return [
        function
        for module in modules
        for name, function in inspect.getmembers(module, inspect.iscoroutinefunction)
        if not name.startswith("_")
        and next(iter(inspect.get_annotations(function, eval_str=True).values()), None) is Job
    ]


def test_the_worker_knows_every_task() -> None:
    found = tasks_of_the_service()

    assert send_welcome_email in found
    assert [task for task in found if task not in celery.TASKS] == []


async def test_a_task_that_no_worker_knows_is_named(service: Service) -> None:
    async def unknown(job: Job) -> None: ...

    async with open_tasks(service.settings, service.database) as start:
        with pytest.raises(LookupError, match="unknown: add it to TASKS"):
            await start(unknown, "1", [], {})
