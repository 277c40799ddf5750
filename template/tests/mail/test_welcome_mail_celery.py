import pytest

from app.core.config import Settings
from tests.conftest import settings_for
from tests.support import celery_tasks
from tests.support.celery_worker import HoldingMailbox, Worker
from tests.support.celery_worker import mailbox as mailbox
from tests.support.celery_worker import worker as worker
from tests.support.databases import Databases
from tests.support.factories import make_organization, make_user
from tests.support.logins import ADA, REGISTER, try_login
from tests.support.service import running_with
from tests.support.waiting import eventually


@pytest.fixture(scope="module")
async def settings(databases: Databases, migrated: str) -> Settings:
    """Settings with a database that the worker shares with the service."""
    return settings_for(await databases.copy(migrated))


async def test_reader_of_the_mail_can_log_in(worker: Worker, mailbox: HoldingMailbox) -> None:
    logins: list[int] = []
    async with running_with(worker.settings) as service, service.client() as client:

        async def log_in() -> None:
            logins.append((await try_login(client, ADA["email"])).status_code)

        mailbox.on_arrival = log_in
        assert (await client.post(REGISTER, json=ADA)).status_code == 201
        await eventually(lambda: logins)
        mailbox.on_arrival = None

    assert logins == [200]
    assert mailbox.count(ADA["email"]) == 1


async def test_change_by_a_task_is_visible_immediately(worker: Worker) -> None:
    async with running_with(worker.settings) as service:
        owner = await service.make(make_user)
        slug = (await service.make(make_organization, owner, name="Old")).slug
        async with await service.sign_in(owner) as client:
            names = [(await client.get(f"/api/v1/organizations/{slug}")).json()["name"]]
            job = await worker.publish(celery_tasks.rename_organization, slug=slug, name="New")
            assert await worker.reported(job) == "renamed"
            names.append((await client.get(f"/api/v1/organizations/{slug}")).json()["name"])

    assert names == ["Old", "New"]
