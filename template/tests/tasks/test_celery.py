from pathlib import Path
from uuid import uuid4

import pytest

from app import tasks
from app.tasks.celery import open_tasks
from app.tasks.celery_worker import import_tasks
from app.tasks.queue import TASKS
from tests.support import celery_tasks
from tests.support.processes import modules_after
from tests.support.service import Service

OWN_TASK = """
from app.tasks.queue import Job, task

@task
async def {name}(job: Job) -> None: ...
"""


def test_worker_finds_tasks_of_new_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name = f"task_{uuid4().hex}"
    (tmp_path / f"module_{name}.py").write_text(OWN_TASK.format(name=name))
    monkeypatch.setattr(tasks, "__path__", [*tasks.__path__, str(tmp_path)])

    import_tasks()

    assert name in TASKS
    assert "send_welcome_email" in TASKS


async def test_task_outside_the_package_is_rejected(service: Service) -> None:
    """The worker does not import its module."""
    async with open_tasks(service.settings, service.database) as runner:
        with pytest.raises(LookupError, match="No worker imports count_users"):
            await runner.start(celery_tasks.count_users, "1", [], {})


async def test_service_imports_celery_only_to_send_a_task() -> None:
    assert await modules_after("import app.main") & {"celery", "kombu"} == set()
