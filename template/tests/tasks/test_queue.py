import asyncio
from importlib import import_module
from itertools import count, takewhile
from typing import Any
from uuid import uuid4

import pytest
from starlette.background import BackgroundTasks
from structlog.testing import capture_logs
from structlog.typing import EventDict

from app.core.errors import Unavailable
from app.tasks import queue as module
from app.tasks.backoff import Backoff
from app.tasks.queue import Job, Task, TaskQueue, task
from tests.support.waiting import patience


class Work:
    """A task that fails a given number of times, and records its calls."""

    def __init__(self, failures: int = 0, error: Exception | None = None) -> None:
        self.failures = failures
        self.error = error or ConnectionError("not now")
        self.calls: list[tuple[str, object]] = []

    async def __call__(self, job_id: Any, value: object) -> None:
        self.calls.append((job_id, value))
        if len(self.calls) <= self.failures:
            raise self.error


async def start(task: Task[...], job_id: Any, args: list[Any], kwargs: dict[str, Any]) -> None:
    await task(job_id, *args, **kwargs)


async def do(work: Work, *values: object) -> None:
    background = BackgroundTasks()
    queue = TaskQueue(background, start)
    for value in values:
        queue.enqueue(Task("work", work), value)
    await background()


def errors(log: list[EventDict]) -> list[tuple[str, str]]:
    return [(each["event"], each["task"]) for each in log if each["log_level"] == "error"]


async def test_task_gets_its_arguments_after_the_response() -> None:
    work = Work()
    background = BackgroundTasks()

    TaskQueue(background, start).enqueue(Task("work", work), {"name": "Ada", "tags": [1, None]})

    assert work.calls == []
    await background()
    assert [value for _, value in work.calls] == [{"name": "Ada", "tags": [1, None]}]


def test_arguments_must_be_json() -> None:
    with pytest.raises(TypeError, match="not JSON serializable"):
        TaskQueue(BackgroundTasks(), start).enqueue(Task("work", Work()), uuid4())


def test_names_of_tasks_are_unique() -> None:
    async def send_welcome_email(job: Job) -> None: ...

    import_module("app.tasks.mail")
    with pytest.raises(ValueError, match="Two tasks are named send_welcome_email"):
        task(send_welcome_email)


async def test_failed_task_is_retried_as_the_same_job(pauses: list[float]) -> None:
    work = Work(failures=2)

    await do(work, "value")

    assert [0.75 <= pauses[0] <= 1.25, 1.5 <= pauses[1] <= 2.5] == [True, True]
    assert len(work.calls) == 3
    assert len(set(work.calls)) == 1


async def test_jobs_have_different_ids() -> None:
    work = Work()

    await do(work, "value", "value")

    assert len(set(work.calls)) == 2


async def test_task_waits_five_minutes_for_an_outage(pauses: list[float]) -> None:
    await do(Work(failures=999, error=Unavailable("The queue is down")), "value")

    assert 225 < sum(pauses) < 400
    assert max(pauses) <= 20


async def test_failing_task_is_logged_and_does_not_stop_the_next(pauses: list[float]) -> None:
    work = Work(failures=5)

    with capture_logs() as log:
        await do(work, "first", "second")

    assert [value for _, value in work.calls] == ["first"] * 5 + ["second"]
    assert errors(log) == [("task_failed", "work")]


async def test_task_that_is_lost_at_shutdown_is_logged(monkeypatch: pytest.MonkeyPatch) -> None:
    waiting = asyncio.Event()

    async def wait_forever(seconds: float) -> None:
        waiting.set()
        await asyncio.Event().wait()

    monkeypatch.setattr(module, "sleep", wait_forever)
    with capture_logs() as log:
        doing = asyncio.create_task(do(Work(failures=1), "value"))
        async with patience():
            await waiting.wait()
        doing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await doing

    assert errors(log) == [("task_lost", "work")]


def test_pauses_double_up_to_the_longest_with_jitter() -> None:
    backoff = Backoff(longest=16, give_up_after=100)

    pauses = [backoff.pause_after(failures) or 0 for failures in range(1, 8)]

    ratios = [pause / usual for pause, usual in zip(pauses, [1, 2, 4, 8, 16, 16, 16], strict=True)]
    assert all(0.75 <= ratio <= 1.25 for ratio in ratios)
    assert len(set(ratios)) == len(ratios)


@pytest.mark.parametrize("longest", [1, 16, 1000])
def test_task_is_given_up_when_its_pauses_reach_the_limit(longest: float) -> None:
    backoff = Backoff(longest=longest, give_up_after=300)

    pauses = takewhile(bool, map(backoff.pause_after, count(1)))

    assert 0.75 * 300 < sum(filter(None, pauses)) < 1.25 * (300 + longest)
    assert backoff.pause_after(10_000) is None
