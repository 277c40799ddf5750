import asyncio
import os
import pickle
import signal
from pathlib import Path
from uuid import uuid4

from celery import Celery

from app.core.config import Settings
from app.tasks.celery import create_celery, redelivery_seconds
from tests.support import celery_tasks
from tests.support.celery_worker import HoldingMailbox, Worker, running_worker, settings_of_its_own
from tests.support.celery_worker import mailbox as mailbox
from tests.support.celery_worker import worker as worker
from tests.support.redis import connect
from tests.support.waiting import eventually


async def test_tasks_of_a_process_share_its_database_connections(worker: Worker) -> None:
    jobs = [await worker.publish(celery_tasks.count_users) for _ in range(20)]

    answers = [(await worker.reported(job)).split() for job in jobs]

    assert [users for _, users in answers] == ["0"] * 20
    assert len({process for process, _ in answers}) <= 2


async def test_failed_task_is_retried_as_the_same_job(worker: Worker) -> None:
    job = await worker.publish(celery_tasks.fail_at_first)

    assert await worker.reported(job) == "2"
    await eventually(lambda: "not now" in retries(job, worker))


def retries(job: str, worker: Worker) -> str:
    lines = worker.log.read_text().splitlines()
    return "\n".join(line for line in lines if job in line and "task_retried" in line)


async def test_redelivery_when_finished_is_ignored(worker: Worker, mailbox: HoldingMailbox) -> None:
    job = await worker.publish(celery_tasks.send_mail, to="once@example.com")
    await worker.printed(f"[{job}] succeeded")

    await worker.publish(celery_tasks.send_mail, job, to="once@example.com")

    await worker.printed(f"[{job}] ignored")
    assert mailbox.count("once@example.com") == 1


async def test_redelivery_while_running_is_ignored(worker: Worker, mailbox: HoldingMailbox) -> None:
    mailbox.hold("twice@example.com")
    job = await worker.publish(celery_tasks.send_mail, to="twice@example.com")
    await mailbox.holding()

    await worker.publish(celery_tasks.send_mail, job, to="twice@example.com")

    await worker.printed(f"[{job}] ignored")
    assert mailbox.count("twice@example.com") == 0
    mailbox.release()
    await worker.printed(f"[{job}] succeeded")
    assert mailbox.count("twice@example.com") == 1


async def test_task_of_a_killed_process_runs_again(worker: Worker, mailbox: HoldingMailbox) -> None:
    mailbox.hold("killed@example.com")
    job = await worker.publish(celery_tasks.send_mail, to="killed@example.com")
    process = int(await worker.reported(job))
    await mailbox.holding()

    os.kill(process, signal.SIGKILL)

    assert int(await worker.reported(job)) != process
    await worker.printed(f"[{job}] succeeded")
    assert mailbox.count("killed@example.com") == 1


async def test_task_of_a_killed_worker_is_redelivered(
    settings: Settings, mailbox: HoldingMailbox, tmp_path: Path
) -> None:
    own = settings_of_its_own(settings.DATABASE_URL, **mailbox.settings)
    async with running_worker(own, tmp_path) as worker:
        mailbox.hold("lost@example.com")
        job = await worker.publish(celery_tasks.send_mail, to="lost@example.com")
        await mailbox.holding()

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


async def test_blocking_task_is_killed_and_retried(settings: Settings, tmp_path: Path) -> None:
    own = settings_of_its_own(settings.DATABASE_URL, TASK_TIME_LIMIT=1)
    async with running_worker(own, tmp_path) as worker:
        job = await worker.publish(celery_tasks.block_too_long)

        await eventually(lambda: retries(job, worker).count("TimeLimitExceeded") > 1)


async def test_task_that_cannot_start_goes_to_other_workers(worker: Worker, tmp_path: Path) -> None:
    word = str(uuid4())
    jobs = [await worker.publish(celery_tasks.wait_for_word, word=word) for _ in range(4)]
    for job in jobs[:2]:
        assert await worker.reported(job) == "waiting"

    async with running_worker(worker.settings, tmp_path) as other:

        def received() -> bool:
            logs = worker.log.read_text() + other.log.read_text()
            return all(f"[{job}] received" in logs for job in jobs)

        await eventually(received)
        assert all(f"[{job}] received" in other.log.read_text() for job in jobs[2:])
        async with connect(worker.settings.REDIS_URL) as redis:
            await redis.rpush(word, *jobs)
        await worker.printed(*[f"[{job}] succeeded" for job in jobs[:2]])
        await other.printed(*[f"[{job}] succeeded" for job in jobs[2:]])


async def test_pickled_message_is_rejected(worker: Worker, tmp_path: Path) -> None:
    exploded = tmp_path / "exploded"

    class Bomb:
        def __reduce__(self) -> tuple[object, tuple[Path]]:
            return Path.touch, (exploded,)

    with create_celery(worker.settings) as celery:
        await asyncio.to_thread(send_pickled, celery, pickle.dumps(([Bomb()], {}, {})))

    def decided() -> bool:
        log = worker.log.read_text()
        assert worker.process.returncode is None, log
        return "Refusing to deserialize" in log or exploded.exists()

    await eventually(decided)
    assert not exploded.exists()
    assert await worker.reported(await worker.publish(celery_tasks.count_users))


def send_pickled(celery: Celery, body: bytes) -> None:
    with celery.producer_or_acquire() as producer:
        producer.publish(
            body,
            routing_key=celery.conf.task_default_queue,
            headers={"task": celery_tasks.count_users.name, "id": "bomb", "lang": "py"},
            content_type="application/x-python-serialize",
            content_encoding="binary",
        )
