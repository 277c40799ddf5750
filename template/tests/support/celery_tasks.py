"""Tasks for the tests' own worker."""

import asyncio
import os
from threading import Event

from sqlalchemy import func, select

from app.core import mail
from app.models import Organization, User
from app.tasks import celery, celery_process
from app.tasks.queue import Job, task
from tests.support.redis import connect
from tests.support.waiting import PATIENCE, patience

PATIENT = (
    (celery, "CONNECT_SECONDS"),
    (celery, "ANSWER_SECONDS"),
    (celery_process, "CONNECT_SECONDS"),
    (celery_process, "ANSWER_SECONDS"),
    (mail, "TIMEOUT_SECONDS"),
)
for module, name in PATIENT:  # set here to hold in all processes of the tests
    setattr(module, name, PATIENCE)


async def report(job: Job, *values: object) -> None:
    """Send the values through Redis to the waiting test."""
    async with connect(job.settings.REDIS_URL) as redis:
        await redis.rpush(job.id, " ".join(map(str, values)))


@task
async def count_users(job: Job) -> None:
    async with job.database.read() as session:
        users = await session.scalar(select(func.count()).select_from(User))
    await report(job, os.getpid(), users)


@task
async def fail_at_first(job: Job) -> None:
    async with connect(job.settings.REDIS_URL) as redis:
        attempts = await redis.incr(f"{job.id}:attempts")
    if attempts == 1:
        raise ConnectionError("not now")
    await report(job, attempts)


@task
async def send_mail(job: Job, to: str) -> None:
    await report(job, os.getpid())
    message = mail.compose(job.settings, "welcome", message_id=job.id, to=to, name="Ada")
    await mail.send(job.settings, message)


@task
async def wait_too_long(job: Job) -> None:
    try:
        async with patience():
            await asyncio.Event().wait()
    finally:
        await report(job, "cancelled")


@task
async def block_too_long(job: Job) -> None:
    Event().wait()


@task
async def wait_for_word(job: Job, word: str) -> None:
    await report(job, "waiting")
    async with connect(job.settings.REDIS_URL) as redis:
        await redis.blpop([word])


@task
async def rename_organization(job: Job, slug: str, name: str) -> None:
    async with job.database.write() as session:
        found = select(Organization).where(Organization.slug == slug)
        (await session.scalars(found)).one().name = name
        await session.commit()
    await report(job, "renamed")
