from pathlib import Path

from celery.exceptions import TimeLimitExceeded
from structlog.testing import capture_logs

from app.core.config import Settings
from app.tasks.celery import create_celery, redelivery_seconds
from app.tasks.celery_retries import OUTAGE_SECONDS, Message, pause, retry, worth_another_try
from tests.support import celery_tasks
from tests.support.celery_mailbox import SilentMailbox
from tests.support.celery_mailbox import mailbox as mailbox
from tests.support.celery_worker import running_worker, settings_of_its_own
from tests.support.redis import connect
from tests.support.waiting import eventually


async def test_a_task_that_does_not_stop_is_killed_and_tried_again(
    settings: Settings, tmp_path: Path
) -> None:
    own = settings_of_its_own(settings.DATABASE_URL, TASK_TIME_LIMIT=1)
    async with running_worker(own, tmp_path) as worker:
        job = await worker.publish(celery_tasks.block_too_long)

        def kills() -> int:
            lines = [line for line in worker.log.read_text().splitlines() if job in line]
            return sum("task_retried" in line and "TimeLimitExceeded" in line for line in lines)

        await eventually(lambda: kills() > 1)


def test_a_task_that_was_tried_for_an_hour_is_given_up(settings: Settings) -> None:
    celery = create_celery(settings)
    message = Message(celery_tasks.wait_too_long, "7", 9999, [], {})

    with capture_logs() as log:
        retry(celery, message, TimeLimitExceeded(2))

    assert [(entry["event"], entry["tries"]) for entry in log] == [("task_failed", 10_000)]


async def test_a_task_whose_worker_is_killed_is_done_by_the_next(
    settings: Settings, mailbox: SilentMailbox, tmp_path: Path
) -> None:
    own = settings_of_its_own(settings.DATABASE_URL, **mailbox.settings)
    async with running_worker(own, tmp_path) as worker:
        mailbox.be_silent_for("lost@example.com")
        job = await worker.publish(celery_tasks.send_mail, to="lost@example.com")
        await mailbox.is_silent()

        await worker.kill()
        await let_pass(redelivery_seconds(own), own)
        await worker.start()

        await worker.printed(f"[{job}] succeeded")
    assert mailbox.count("lost@example.com") == 1


async def let_pass(seconds: int, settings: Settings) -> None:
    """Make messages older, and bring the keys that expire closer to their end."""
    name = settings.JWT_ISSUER
    async with connect(settings.CELERY_BROKER_URL) as redis:
        for message in await redis.zrange(f"{name}:unacked_index", 0, -1):
            await redis.zincrby(f"{name}:unacked_index", -seconds, str(message))
        for key in await redis.keys(f"{name}:*"):
            if (left := await redis.pttl(key)) > 0:
                await redis.pexpire(key, left - 1000 * seconds)


def test_pauses_double_and_end_before_the_redelivery(settings: Settings) -> None:
    pauses = [pause(failures) for failures in range(1, 50)]

    assert all(0.75 * 2**n <= pause <= 1.25 * 2**n for n, pause in enumerate(pauses[:7]))
    assert max(pauses) + settings.TASK_TIME_LIMIT < redelivery_seconds(settings)
    assert len(set(pauses)) == len(pauses)


def test_task_is_retried_through_an_outage_of_an_hour() -> None:
    tries = next(tries for tries in range(1, 999) if not worth_another_try(tries))

    waited = sum(pause(failures) for failures in range(1, tries))
    assert 0.75 * OUTAGE_SECONDS < waited < 1.5 * OUTAGE_SECONDS
