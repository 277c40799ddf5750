import asyncio
from typing import Any
from uuid import uuid4

import pytest
from starlette.background import BackgroundTasks
from structlog.testing import capture_logs

from app.core.errors import Unavailable
from app.tasks import queue as module
from app.tasks.queue import OUTAGE_TRIES, TRIES, Task, TaskQueue
from tests.support.waiting import patience


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds between the tries, which no test waits for."""
    pauses: list[float] = []

    async def note(seconds: float) -> None:
        pauses.append(seconds)

    monkeypatch.setattr(module, "sleep", note)
    return pauses


class Work:
    """A task that fails as often as it is told to, and notes its calls."""

    __name__ = "work"

    def __init__(self, failures: int = 0, error: Exception | None = None) -> None:
        self.failures = failures
        self.error = error or ConnectionError("not now")
        self.calls: list[tuple[str, Any]] = []

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
        queue.enqueue(work, value)
    await background()


async def test_a_task_gets_its_values() -> None:
    work = Work()

    await do(work, {"name": "Ada", "tags": [1, None]})

    [(_, value)] = work.calls
    assert value == {"name": "Ada", "tags": [1, None]}


async def test_work_waits_for_the_response() -> None:
    work = Work()

    TaskQueue(BackgroundTasks(), start).enqueue(work, "value")

    assert work.calls == []


async def test_what_json_cannot_carry_is_refused_at_once() -> None:
    queue = TaskQueue(BackgroundTasks(), start)

    with pytest.raises(TypeError, match="not JSON serializable"):
        queue.enqueue(Work(), uuid4())


async def test_a_failed_task_is_tried_again_as_the_same_job(
    pauses: list[float],
) -> None:
    work = Work(failures=2)

    await do(work, "value")

    assert len(pauses) == 2
    assert len(work.calls) == 3
    assert len(set(work.calls)) == 1


async def test_two_jobs_have_two_ids() -> None:
    work = Work()

    await do(work, "value", "value")

    assert len(set(work.calls)) == 2


async def test_the_pauses_double_and_differ(pauses: list[float]) -> None:
    await do(Work(failures=TRIES), "value")

    assert [0.75 * 2**n <= pause <= 1.25 * 2**n for n, pause in enumerate(pauses)] == [True] * 4
    assert pauses != [1, 2, 4, 8]


async def test_a_task_waits_five_minutes_for_what_is_away(pauses: list[float]) -> None:
    work = Work(failures=OUTAGE_TRIES - 1, error=Unavailable("Nobody takes the task"))

    await do(work, "value")

    assert len(work.calls) == OUTAGE_TRIES
    assert 240 < sum(pauses) < 400
    assert max(pauses) <= 20


async def test_a_task_that_cannot_wait_any_longer_is_logged(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
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

    assert [(entry["event"], entry["task"]) for entry in log if entry["log_level"] == "error"] == [
        ("task_lost", "work")
    ]


async def test_a_task_that_keeps_failing_is_logged_and_does_not_stop_the_next(
    pauses: list[float],
) -> None:
    work = Work(failures=TRIES)

    with capture_logs() as log:
        await do(work, "first", "second")

    assert [value for _, value in work.calls] == ["first"] * TRIES + ["second"]
    assert [(entry["event"], entry["task"]) for entry in log if entry["log_level"] == "error"] == [
        ("task_failed", "work")
    ]
