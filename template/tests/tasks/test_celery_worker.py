import asyncio
import os
import pickle
import signal
from pathlib import Path
from uuid import uuid4

from celery import Celery

from app.tasks.celery import create_celery, task_name
from tests.support import celery_tasks
from tests.support.celery_mailbox import SilentMailbox
from tests.support.celery_mailbox import mailbox as mailbox
from tests.support.celery_worker import Worker, running_worker
from tests.support.celery_worker import worker as worker
from tests.support.redis import connect
from tests.support.waiting import eventually


async def test_all_tasks_of_a_process_share_its_database_connections(worker: Worker) -> None:
    jobs = [await worker.publish(celery_tasks.count_users) for _ in range(20)]

    answers = [(await worker.reported(job)).split() for job in jobs]

    assert [users for _, users in answers] == ["0"] * 20
    assert len({process for process, _ in answers}) <= 2


async def test_a_failed_task_is_tried_again_as_the_same_job(worker: Worker) -> None:
    job = await worker.publish(celery_tasks.fail_at_first)

    assert await worker.reported(job) == "2"
    await eventually(lambda: "not now" in retry_of(job, worker))


def retry_of(job: str, worker: Worker) -> str:
    lines = worker.log.read_text().splitlines()
    return next((line for line in lines if job in line and "task_retried" in line), "")


async def test_a_message_that_comes_again_when_its_task_has_ended_is_not_done_again(
    worker: Worker, mailbox: SilentMailbox
) -> None:
    job = await worker.publish(celery_tasks.send_mail, to="once@example.com")
    await worker.printed(f"[{job}] succeeded")

    await worker.publish(celery_tasks.send_mail, job, to="once@example.com")

    await worker.printed(f"[{job}] ignored")
    assert mailbox.count("once@example.com") == 1


async def test_a_message_that_comes_twice_at_the_same_time_is_done_once(
    worker: Worker, mailbox: SilentMailbox
) -> None:
    mailbox.be_silent_for("twice@example.com")
    job = await worker.publish(celery_tasks.send_mail, to="twice@example.com")
    await mailbox.is_silent()

    await worker.publish(celery_tasks.send_mail, job, to="twice@example.com")

    await worker.printed(f"[{job}] ignored")
    assert mailbox.count("twice@example.com") == 0
    mailbox.answer.set()
    await worker.printed(f"[{job}] succeeded")
    assert mailbox.count("twice@example.com") == 1


async def test_a_task_whose_process_is_killed_is_done_by_the_next_at_once(
    worker: Worker, mailbox: SilentMailbox
) -> None:
    mailbox.be_silent_for("killed@example.com")
    job = await worker.publish(celery_tasks.send_mail_from_a_known_process, to="killed@example.com")
    process = int(await worker.reported(job))
    await mailbox.is_silent()

    os.kill(process, signal.SIGKILL)

    assert int(await worker.reported(job)) != process
    await worker.printed(f"[{job}] succeeded")
    assert mailbox.count("killed@example.com") == 1


async def test_a_task_that_cannot_start_yet_is_left_to_other_workers(
    worker: Worker, tmp_path: Path
) -> None:
    word = str(uuid4())
    jobs = [await worker.publish(celery_tasks.wait_for_a_word, word=word) for _ in range(4)]
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


async def test_a_pickled_message_is_refused(worker: Worker, tmp_path: Path) -> None:
    exploded = tmp_path / "exploded"

    class Bomb:
        def __reduce__(self) -> tuple[object, tuple[Path]]:
            return Path.touch, (exploded,)

    celery = create_celery(worker.settings)
    pickled = pickle.dumps(([Bomb()], {}, {}))
    await asyncio.to_thread(send_pickled, celery, pickled)

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
            headers={"task": task_name(celery_tasks.count_users), "id": "bomb", "lang": "py"},
            content_type="application/x-python-serialize",
            content_encoding="binary",
        )
    celery.close()
