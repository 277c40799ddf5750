import pytest

from app.tasks.in_process import open_tasks
from app.tasks.queue import Job
from tests.support.service import Service


async def test_a_task_works_with_the_settings_and_the_database_of_the_service(
    service: Service,
) -> None:
    jobs: list[Job] = []

    async def note(job: Job) -> None:
        jobs.append(job)

    async with open_tasks(service.settings, service.database) as start:
        await start(note, "job-1", [], {})

    assert jobs == [Job("job-1", service.settings, service.database)]


async def test_a_task_gets_its_arguments(service: Service) -> None:
    received: list[object] = []

    async def note(job: Job, *args: object, **kwargs: object) -> None:
        received.extend([args, kwargs])

    async with open_tasks(service.settings, service.database) as start:
        await start(note, "job-1", [1, "two"], {"three": None})

    assert received == [(1, "two"), {"three": None}]


async def test_a_task_that_fails_tells_who_started_it(service: Service) -> None:
    async def fail(job: Job) -> None:
        raise ConnectionError("not now")

    async with open_tasks(service.settings, service.database) as start:
        with pytest.raises(ConnectionError, match="not now"):
            await start(fail, "job-1", [], {})
