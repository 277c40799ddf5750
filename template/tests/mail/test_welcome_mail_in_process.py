from collections.abc import AsyncGenerator, Callable

import pytest
from httpx import AsyncClient

from app.main import create_app
from app.tasks import queue
from tests.conftest import settings_for
from tests.support import mailbox as server
from tests.support.factories import PASSWORD
from tests.support.logins import ADA, REGISTER, try_login
from tests.support.mailbox import Mailbox, text
from tests.support.service import Service, running, running_with


@pytest.fixture
async def mailbox() -> AsyncGenerator[Mailbox]:
    """A server that refuses connections until the test starts it."""
    mailbox = Mailbox()
    yield mailbox
    await mailbox.stop()


@pytest.fixture
async def client(committed_service: Service, mailbox: Mailbox) -> AsyncGenerator[AsyncClient]:
    url = committed_service.settings.DATABASE_URL
    settings = settings_for(url, **mailbox.settings)
    async with running_with(settings) as service, service.client() as client:
        yield client


async def test_reader_of_the_welcome_mail_can_log_in(client: AsyncClient, mailbox: Mailbox) -> None:
    logins: list[int] = []

    async def log_in() -> None:
        logins.append((await try_login(client, ADA["email"])).status_code)

    mailbox.on_arrival = log_in
    await mailbox.start()

    response = await client.post(REGISTER, json=ADA)

    assert response.status_code == 201
    [mail] = mailbox.mails
    assert mail["To"] == ADA["email"]
    assert mail["Subject"].startswith("Welcome to ")
    assert text(mail).startswith("Hello Ada,")
    assert logins == [200]


async def test_request_is_logged_before_its_mail_is_sent(
    client: AsyncClient, mailbox: Mailbox, read_log: Callable[[], str]
) -> None:
    logged: list[str] = []

    async def look() -> None:
        logged.append(read_log())

    mailbox.on_arrival = look
    await mailbox.start()

    await client.post(REGISTER, json=ADA)

    assert REGISTER in logged[0]


async def test_registration_succeeds_while_the_mail_server_is_down(
    client: AsyncClient, pauses: list[float]
) -> None:
    response = await client.post(REGISTER, json=ADA)

    assert response.status_code == 201
    assert len(pauses) == 4


async def test_mail_is_sent_once_when_the_mail_server_is_back(
    client: AsyncClient, mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def start_server(seconds: float) -> None:
        await mailbox.start()

    monkeypatch.setattr(queue, "sleep", start_server)

    await client.post(REGISTER, json=ADA)

    assert len(mailbox.mails) == 1


@pytest.mark.parametrize("environment", ["development", "production"])
async def test_smtp_password_is_not_logged_when_the_login_fails(
    committed_service: Service,
    mailbox: Mailbox,
    pauses: list[float],
    read_log: Callable[[], str],
    environment: str,
) -> None:
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
