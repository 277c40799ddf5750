from collections.abc import AsyncGenerator, Callable
from uuid import uuid4

import pytest
from httpx import AsyncClient

from app.api.deps import DB, Tasks
from app.api.errors import problems
from app.core.errors import Conflict
from app.main import create_app
from app.tasks import queue
from app.tasks.email import send_welcome_email
from tests.conftest import settings_for
from tests.support import mailbox as server
from tests.support.factories import PASSWORD
from tests.support.mailbox import Mailbox, text
from tests.support.service import Service, add_route, running, running_with

REGISTER = "/api/v1/auth/register"
LOGIN = "/api/v1/auth/login"
ADA = {"email": "ada@example.com", "name": "Ada", "password": PASSWORD}


@pytest.fixture
async def mailbox() -> AsyncGenerator[Mailbox]:
    """Refuses connections until the test starts it."""
    mailbox = Mailbox()
    yield mailbox
    await mailbox.stop()


@pytest.fixture
async def mailing_service(committed_service: Service, mailbox: Mailbox) -> AsyncGenerator[Service]:
    url = committed_service.settings.DATABASE_URL
    async with running_with(settings_for(url, **mailbox.settings)) as service:
        yield service


@pytest.fixture
async def client(mailing_service: Service) -> AsyncGenerator[AsyncClient]:
    async with mailing_service.client() as client:
        yield client


async def test_whoever_reads_the_welcome_mail_can_log_in(
    client: AsyncClient, mailbox: Mailbox
) -> None:
    logins: list[int] = []

    async def log_in() -> None:
        response = await client.post(LOGIN, json={"email": ADA["email"], "password": PASSWORD})
        logins.append(response.status_code)

    mailbox.on_arrival = log_in
    await mailbox.start()

    response = await client.post(REGISTER, json=ADA)

    assert response.status_code == 201
    [mail] = mailbox.mails
    assert mail["To"] == ADA["email"]
    assert mail["Subject"].startswith("Welcome to ")
    assert text(mail).startswith("Hello Ada,")
    assert logins == [200]


async def test_who_was_deleted_meanwhile_gets_no_mail(
    mailing_service: Service, client: AsyncClient, mailbox: Mailbox
) -> None:
    async def enqueue_for_nobody(queue: Tasks) -> None:
        queue.enqueue(send_welcome_email, str(uuid4()))

    path = add_route(mailing_service, enqueue_for_nobody)
    await mailbox.start()

    assert (await client.post(path)).status_code == 200
    assert mailbox.mails == []


async def test_a_refused_registration_sends_nothing(client: AsyncClient, mailbox: Mailbox) -> None:
    await mailbox.start()
    await client.post(REGISTER, json=ADA)

    response = await client.post(REGISTER, json=ADA)

    assert response.status_code == 409
    assert len(mailbox.mails) == 1


async def test_a_request_is_logged_when_it_is_answered_and_not_when_its_mail_is_sent(
    client: AsyncClient, mailbox: Mailbox, read_log: Callable[[], str]
) -> None:
    logged: list[str] = []

    async def look() -> None:
        logged.append(read_log())

    mailbox.on_arrival = look
    await mailbox.start()

    await client.post(REGISTER, json=ADA)

    assert REGISTER in logged[0]


async def test_a_request_that_fails_after_enqueuing_sends_nothing(
    mailing_service: Service, client: AsyncClient, mailbox: Mailbox
) -> None:
    async def enqueue_and_fail(db: DB, queue: Tasks) -> None:
        queue.enqueue(send_welcome_email, str(uuid4()))
        raise Conflict("Too late")

    mailing_service.app.add_api_route("/fails", enqueue_and_fail, responses=problems(409))
    await mailbox.start()

    response = await client.get("/fails")

    assert response.status_code == 409
    assert mailbox.mails == []


async def test_a_registration_succeeds_while_the_mail_server_is_down(
    client: AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses: list[float] = []

    async def pause(seconds: float) -> None:
        pauses.append(seconds)

    monkeypatch.setattr(queue, "sleep", pause)

    response = await client.post(REGISTER, json=ADA)

    assert response.status_code == 201
    assert len(pauses) == queue.TRIES - 1


async def test_a_mail_server_that_comes_back_gets_the_mail_once(
    client: AsyncClient, mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def start_meanwhile(seconds: float) -> None:
        await mailbox.start()

    monkeypatch.setattr(queue, "sleep", start_meanwhile)

    await client.post(REGISTER, json=ADA)

    assert len(mailbox.mails) == 1


@pytest.mark.parametrize("environment", ["development", "production"])
async def test_a_refused_login_at_the_mail_server_does_not_betray_its_password(
    committed_service: Service,
    mailbox: Mailbox,
    monkeypatch: pytest.MonkeyPatch,
    read_log: Callable[[], str],
    environment: str,
) -> None:
    async def no_pause(seconds: float) -> None:
        pass

    monkeypatch.setattr(queue, "sleep", no_pause)
    settings = settings_for(
        committed_service.settings.DATABASE_URL,
        **mailbox.settings,
        ENVIRONMENT=environment,
        ALLOWED_HOSTS="test",
        SMTP_USERNAME=server.USERNAME,
        SMTP_PASSWORD="not-the-right-one",
    )
    await mailbox.start()

    async with running(create_app(settings)) as service, service.client() as client:
        await client.post(REGISTER, json=ADA)

    log = read_log()
    assert server.USERNAME in mailbox.logins
    assert mailbox.mails == []
    assert "task_failed" in log
    assert "not-the-right-one" not in log
    assert PASSWORD not in log
