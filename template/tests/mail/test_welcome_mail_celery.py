from collections.abc import AsyncGenerator
from uuid import uuid4

import pytest
from httpx import AsyncClient

from app.api.deps import DB, Tasks
from app.api.errors import problems
from app.core.config import Settings
from app.core.errors import Conflict
from app.tasks.email import send_welcome_email
from tests.conftest import settings_for
from tests.support import celery_tasks
from tests.support.celery_mailbox import SilentMailbox
from tests.support.celery_mailbox import mailbox as mailbox
from tests.support.celery_worker import Worker
from tests.support.celery_worker import worker as worker
from tests.support.databases import Databases
from tests.support.factories import PASSWORD, make_organization, make_user
from tests.support.service import Service, running_with

REGISTER = "/api/v1/auth/register"
LOGIN = "/api/v1/auth/login"


@pytest.fixture(scope="module")
async def settings(databases: Databases, migrated: str) -> Settings:
    """With a database that the worker shares with the service."""
    return settings_for(await databases.copy(migrated))


@pytest.fixture
async def mailing_service(worker: Worker) -> AsyncGenerator[Service]:
    async with running_with(worker.settings) as service:
        yield service


@pytest.fixture
async def client(mailing_service: Service) -> AsyncGenerator[AsyncClient]:
    async with mailing_service.client() as client:
        yield client


async def register(client: AsyncClient, address: str) -> int:
    person = {"email": address, "name": "Ada", "password": PASSWORD}
    return (await client.post(REGISTER, json=person)).status_code


async def mails_until_now(client: AsyncClient, worker: Worker, mailbox: SilentMailbox) -> int:
    """How many the worker was asked for; the last, which this function asks for, not counted."""
    last = f"last-{uuid4()}@example.com"
    await register(client, last)
    await mailbox.expect(last)
    return worker.log.read_text().count("received") - 1


async def test_whoever_reads_the_welcome_mail_can_log_in(
    client: AsyncClient, mailbox: SilentMailbox
) -> None:
    logins: list[int] = []

    async def log_in() -> None:
        credentials = {"email": "ada@example.com", "password": PASSWORD}
        logins.append((await client.post(LOGIN, json=credentials)).status_code)

    mailbox.on_arrival = log_in
    assert await register(client, "ada@example.com") == 201
    await mailbox.expect("ada@example.com")
    mailbox.on_arrival = None

    assert logins == [200]
    assert mailbox.count("ada@example.com") == 1


async def test_a_refused_registration_sends_nothing(
    client: AsyncClient, worker: Worker, mailbox: SilentMailbox
) -> None:
    await register(client, "bob@example.com")
    before = await mails_until_now(client, worker, mailbox)

    assert await register(client, "bob@example.com") == 409

    assert await mails_until_now(client, worker, mailbox) == before + 1  # the last of before


async def test_what_a_task_changes_is_seen_at_once(
    mailing_service: Service, worker: Worker
) -> None:
    async with mailing_service.database.write() as session:
        owner = await make_user(session)
        slug = (await make_organization(session, owner, name="Old")).slug
    async with await mailing_service.sign_in(owner) as client:
        names = [(await client.get(f"/api/v1/organizations/{slug}")).json()["name"]]
        job = await worker.publish(celery_tasks.rename_organization, slug=slug, name="New")
        assert await worker.reported(job) == "renamed"
        names.append((await client.get(f"/api/v1/organizations/{slug}")).json()["name"])

    assert names == ["Old", "New"]


async def test_a_request_that_fails_after_enqueuing_sends_nothing(
    mailing_service: Service, client: AsyncClient, worker: Worker, mailbox: SilentMailbox
) -> None:
    async def enqueue_and_fail(db: DB, queue: Tasks) -> None:
        queue.enqueue(send_welcome_email, str(uuid4()))
        raise Conflict("Too late")

    mailing_service.app.add_api_route("/fails", enqueue_and_fail, responses=problems(409))
    before = await mails_until_now(client, worker, mailbox)

    assert (await client.get("/fails")).status_code == 409

    assert await mails_until_now(client, worker, mailbox) == before + 1
