"""Tasks of the tests, for their own worker."""

import asyncio
import os
from threading import Event

from sqlalchemy import func, select

from app.models import Organization, User
from app.services import email
from app.tasks import celery, celery_process
from app.tasks.queue import Job, Task
from tests.support.redis import connect
from tests.support.waiting import PATIENCE, patience

PATIENT = (
    (celery, "CONNECT_SECONDS"),
    (celery, "ANSWER_SECONDS"),
    (celery_process, "CONNECT_SECONDS"),
    (celery_process, "ANSWER_SECONDS"),
    (email, "TIMEOUT_SECONDS"),
)
for module, name in PATIENT:  # here, so that it holds in all processes of the tests
    setattr(module, name, PATIENCE)


async def report(job: Job, *values: object) -> None:
    """Tells it in Redis to the test, which waits for it."""
    async with connect(job.settings.REDIS_URL) as redis:
        await redis.rpush(job.id, " ".join(map(str, values)))


async def count_users(job: Job) -> None:
    async with job.database.read() as session:
        users = await session.scalar(select(func.count()).select_from(User))
    await report(job, os.getpid(), users)


async def fail_at_first(job: Job) -> None:
    async with connect(job.settings.REDIS_URL) as redis:
        tries = await redis.incr(f"{job.id}:tries")
    if tries == 1:
        raise ConnectionError("not now")
    await report(job, tries)


async def send_mail(job: Job, to: str) -> None:
    message = email.compose(
        job.settings, "welcome", message_id=job.id, to=to, subject="Hello", name="Ada"
    )
    await email.send(job.settings, message)


async def send_mail_from_a_known_process(job: Job, to: str) -> None:
    await report(job, os.getpid())
    await send_mail(job, to)


async def wait_too_long(job: Job) -> None:
    try:
        async with patience():
            await asyncio.Event().wait()
    finally:
        await report(job, "told to stop")


async def block_too_long(job: Job) -> None:
    Event().wait()


async def wait_for_a_word(job: Job, word: str) -> None:
    await report(job, "waiting")
    async with connect(job.settings.REDIS_URL) as redis:
        await redis.blpop([word])


async def rename_organization(job: Job, slug: str, name: str) -> None:
    async with job.database.write() as session:
        found = select(Organization).where(Organization.slug == slug)
        (await session.scalars(found)).one().name = name
        await session.commit()
    await report(job, "renamed")


TASKS: tuple[Task[...], ...] = (
    count_users,
    fail_at_first,
    send_mail,
    send_mail_from_a_known_process,
    wait_too_long,
    block_too_long,
    wait_for_a_word,
    rename_organization,
)
