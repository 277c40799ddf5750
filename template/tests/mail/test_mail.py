import traceback
from collections.abc import Callable
from typing import Any

import aiosmtplib
import pytest
from httpx import AsyncClient
from pydantic import SecretStr
from sqlalchemy.ext.asyncio import AsyncSession
from time_machine import Traveller

from app.api.deps import DB, Tasks
from app.core import mail
from app.core.clock import utc_now
from app.core.config import Settings
from app.core.errors import Conflict
from app.core.logging import setup_logging
from app.tasks.mail import send_welcome_email
from tests.support import mailbox as server
from tests.support.factories import make_user
from tests.support.logins import ADA, REGISTER
from tests.support.mailbox import Mailbox, Outbox, text
from tests.support.mailbox import mailbox as mailbox
from tests.support.service import Service, add_route


@pytest.fixture
def acme(settings: Settings) -> Settings:
    return settings.model_copy(update={"PROJECT_NAME": "Acme & Co", "MAIL_FROM": "hello@acme.org"})


@pytest.fixture
def smtp(acme: Settings, mailbox: Mailbox) -> Settings:
    return acme.model_copy(update=mailbox.settings)


async def send(settings: Settings, template: str = "welcome", **values: str) -> None:
    usual = {"message_id": "job-1", "to": "ada@example.com", "name": "Ada"}
    await mail.send(settings, mail.compose(settings, template, **usual | values))


async def test_mail_has_a_text_and_an_html_part(smtp: Settings, mailbox: Mailbox) -> None:
    await send(smtp)

    [received] = mailbox.mails
    assert received["To"] == "ada@example.com"
    assert received["From"] == "Acme & Co <hello@acme.org>"
    assert received["Subject"] == "Welcome to Acme & Co"
    assert received.get_content_type() == "multipart/alternative"
    assert text(received).startswith("Hello Ada,\n\nWelcome to Acme & Co! Your account is ready.\n")
    assert "<p>Hello Ada,</p>" in text(received, "html")


async def test_mail_names_job_and_time(smtp: Settings, mailbox: Mailbox, clock: Traveller) -> None:
    await send(smtp)

    [received] = mailbox.mails
    assert received["Message-ID"] == "<job-1@acme.org>"
    assert received["Date"].datetime == utc_now().replace(microsecond=0)
    assert received["Auto-Submitted"] == "auto-generated"


async def test_values_are_escaped_in_the_html_part_only(smtp: Settings, mailbox: Mailbox) -> None:
    value = "<b>A</b> & {{ name }}"
    await send(smtp, "invitation", name=value, organization=value, role="viewer")

    [received] = mailbox.mails
    escaped = "&lt;b&gt;A&lt;/b&gt; &amp; {{ name }}"
    assert f"Hello {value},\n\nYou have been invited to join {value} on " in text(received)
    assert f"Hello {escaped}," in text(received, "html")
    assert f"You have been invited to join {escaped} on " in text(received, "html")
    assert "<b>" not in text(received, "html")


async def test_mail_supports_unicode(smtp: Settings, mailbox: Mailbox) -> None:
    await send(smtp, to="zoe@bücher.example.com", name="Zoë 渡辺")

    [received] = mailbox.mails
    assert received["To"] == "zoe@xn--bcher-kva.example.com"
    assert "Hello Zoë 渡辺," in text(received)


@pytest.mark.parametrize(
    "values",
    [
        {"to": "ada@example.com\nBcc: eve@example.com"},
        {"to": "ada@example.com, eve@example.com"},
        {"to": "=?utf-8?q?=65ve?=@example.com"},
        {"organization": "Acme\r\nBcc: eve@example.com"},
        {"message_id": "job\nBcc: eve@example.com"},
    ],
)
async def test_values_add_no_headers_or_recipients(acme: Settings, values: dict[str, str]) -> None:
    with pytest.raises(ValueError, match=r"linefeed|invalid characters"):
        await send(acme, "invitation", **{"organization": "Acme", "role": "viewer"} | values)


@pytest.mark.parametrize("word", ["=?utf-8?q?x=0D=0ABcc=3A_eve=40a.org?=", "=?utf-8?b?DQoNCng=?="])
async def test_encoded_word_in_subject_is_kept(smtp: Settings, mailbox: Mailbox, word: str) -> None:
    await send(smtp, "invitation", organization=word, role="viewer")

    [received] = mailbox.mails
    assert received["Subject"] == f"Invitation to join {word.replace('=?', '= ?')}"
    assert received["Bcc"] is None
    assert text(received).startswith("Hello Ada,")


async def test_username_logs_in_at_the_mail_server(smtp: Settings, mailbox: Mailbox) -> None:
    login = {"SMTP_USERNAME": server.USERNAME, "SMTP_PASSWORD": SecretStr(server.PASSWORD)}

    await send(smtp.model_copy(update=login))

    assert mailbox.logins == [server.USERNAME]
    assert len(mailbox.mails) == 1


async def test_starttls_does_not_fall_back_to_cleartext(smtp: Settings, mailbox: Mailbox) -> None:
    with pytest.raises(aiosmtplib.SMTPException, match="STARTTLS"):
        await send(smtp.model_copy(update={"SMTP_SECURITY": "starttls"}))

    assert mailbox.mails == []


async def test_refusal_is_reported_without_the_address(smtp: Settings, mailbox: Mailbox) -> None:
    mailbox.refuses = True

    with pytest.raises(mail.Undelivered, match="550") as refusal:
        await send(smtp)

    assert "ada@example.com" not in "".join(traceback.format_exception(refusal.value))


async def test_development_logs_the_mail(acme: Settings, read_log: Callable[[], str]) -> None:
    setup_logging(acme)
    await send(acme)

    assert "To: ada@example.com\nSubject: Welcome to Acme & Co\n\nHello Ada,\n" in read_log()


async def test_production_without_a_server_warns_and_logs_no_mail(
    acme: Settings, read_log: Callable[[], str]
) -> None:
    deployed = acme.model_copy(update={"ENVIRONMENT": "production"})
    setup_logging(deployed)

    await send(deployed)

    [line] = read_log().splitlines()
    assert "SMTP_HOST is not set" in line
    assert "ada@example.com" not in line
    assert "Hello" not in line


async def test_failed_registration_sends_no_mail(client: AsyncClient, outbox: Outbox) -> None:
    statuses = [(await client.post(REGISTER, json=ADA)).status_code for _ in range(2)]

    assert statuses == [201, 409]
    assert len(outbox) == 1


async def test_failed_request_drops_its_tasks(
    service: Service, session: AsyncSession, client: AsyncClient, outbox: Outbox
) -> None:
    user = await make_user(session)

    async def enqueue_and_fail(db: DB, queue: Tasks) -> None:
        queue.enqueue(send_welcome_email, str(user.id))
        raise Conflict("Too late")

    response = await client.post(add_route(service, enqueue_and_fail))

    assert response.status_code == 409
    assert outbox == []


@pytest.mark.parametrize(
    ("columns", "mails"), [({}, 1), ({"deleted_at": utc_now()}, 0), ({"is_active": False}, 0)]
)
async def test_only_active_users_get_mail(
    service: Service, session: AsyncSession, outbox: Outbox, columns: dict[str, Any], mails: int
) -> None:
    user = await make_user(session, **columns)

    await service.resources.tasks.start(send_welcome_email, "a-job", [str(user.id)], {})

    assert len(outbox) == mails
