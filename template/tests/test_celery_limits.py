from collections.abc import AsyncGenerator
from pathlib import Path

import pytest
from celery.exceptions import TimeLimitExceeded
from structlog.testing import capture_logs

from app.core.config import Settings
from app.tasks.celery import create_celery
from app.tasks.celery_retries import OUTAGE_SECONDS, Message, pause, retry, worth_another_try
from tests import celery_tasks
from tests.celery_mailbox import SilentMailbox
from tests.celery_mailbox import mailbox as mailbox
from tests.celery_worker import Worker, running_worker, settings_of_its_own


@pytest.fixture
async def worker(
    settings: Settings, mailbox: SilentMailbox, tmp_path: Path
) -> AsyncGenerator[Worker]:
    limits = {"TASK_TIME_LIMIT": 2, "TASK_REDELIVERY_SECONDS": 4}
    own = settings_of_its_own(settings.DATABASE_URL, **mailbox.settings, **limits)
    async with running_worker(own, tmp_path) as worker:
        yield worker


async def test_a_task_that_takes_too_long_is_stopped_and_tried_again(worker: Worker) -> None:
    waiting = await worker.publish(celery_tasks.wait_too_long)
    blocking = await worker.publish(celery_tasks.block_too_long_at_first, word="again")

    assert await worker.reported(waiting) == "told to stop"
    assert await worker.reported(blocking) == "2 again"
    assert "TimeoutError" in retry_of(waiting, worker)
    assert "TimeLimitExceeded" in retry_of(blocking, worker)


def retry_of(job_id: str, worker: Worker) -> str:
    """What the worker has logged about it."""
    lines = worker.log.read_text().splitlines()
    return next(line for line in lines if "task_retried" in line and job_id in line)


def test_a_task_that_was_tried_for_an_hour_is_given_up(settings: Settings) -> None:
    celery = create_celery(settings)
    message = Message(celery_tasks.wait_too_long, "7", 9999, [], {})

    with capture_logs() as log:
        retry(settings, celery, message, TimeLimitExceeded(2))

    assert [(entry["event"], entry["tries"]) for entry in log] == [("task_failed", 10_000)]


async def test_a_task_whose_worker_is_killed_is_done_by_the_next(
    worker: Worker, mailbox: SilentMailbox
) -> None:
    mailbox.be_silent_for("lost@example.com")
    job = await worker.publish(celery_tasks.send_mail, to="lost@example.com")
    await mailbox.waiting.wait()

    await worker.kill()
    await worker.start()

    await worker.printed(f"[{job}] succeeded")
    assert mailbox.count("lost@example.com") == 1


def test_the_pauses_double_differ_and_end_before_the_message_comes_again(
    settings: Settings,
) -> None:
    pauses = [pause(settings, failures) for failures in range(1, 50)]

    assert all(0.75 * 2**n <= pause <= 1.25 * 2**n for n, pause in enumerate(pauses[:7]))
    assert max(pauses) + settings.TASK_TIME_LIMIT < settings.TASK_REDELIVERY_SECONDS
    assert len(set(pauses)) == len(pauses)


def test_a_task_is_tried_again_through_an_outage_of_an_hour_and_then_given_up(
    settings: Settings,
) -> None:
    tries = next(tries for tries in range(1, 999) if not worth_another_try(settings, tries))

    waited = sum(pause(settings, failures) for failures in range(1, tries))
    assert 0.75 * OUTAGE_SECONDS < waited < 1.5 * OUTAGE_SECONDS
