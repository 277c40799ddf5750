import pytest

from app.tasks.in_process import open_tasks
from app.tasks.queue import Job, Task
from tests.support.service import Service


async def test_task_gets_its_job_and_its_arguments(service: Service) -> None:
    received: list[object] = []

    async def note(job: Job, *args: object, **kwargs: object) -> None:
        received.extend([job, args, kwargs])

    async with open_tasks(service.settings, service.database) as runner:
        await runner.start(Task("note", note), "job-1", [1, "two"], {"three": None})

    job = Job("job-1", service.settings, service.database)
    assert received == [job, (1, "two"), {"three": None}]


async def test_error_of_a_task_reaches_the_queue(service: Service) -> None:
    async def fail(job: Job) -> None:
        raise ConnectionError("not now")

    async with open_tasks(service.settings, service.database) as runner:
        with pytest.raises(ConnectionError, match="not now"):
            await runner.start(Task("fail", fail), "job-1", [], {})
