import traceback
from collections.abc import AsyncGenerator, Callable
from typing import Any

import aiosmtplib
import pytest
from time_machine import Traveller

from app.core.clock import utc_now
from app.core.config import Settings
from app.core.logging import setup_logging
from app.services import email
from app.services.email import Undelivered
from tests.conftest import settings_for
from tests.support import mailbox as server
from tests.support.clock import clock as clock
from tests.support.mailbox import Mailbox, open_mailbox, text

DEPLOYED = {"ENVIRONMENT": "production", "ALLOWED_HOSTS": "example.com"}


@pytest.fixture
async def mailbox() -> AsyncGenerator[Mailbox]:
    async with open_mailbox() as mailbox:
        yield mailbox


@pytest.fixture
def settings_with(settings: Settings) -> Callable[..., Settings]:
    def build(**overrides: Any) -> Settings:
        return settings_for(settings.DATABASE_URL, PROJECT_NAME="Acme & Co", **overrides)

    return build


async def welcome(settings: Settings, *, to: str = "ada@example.com", name: str = "Ada") -> None:
    subject = f"Welcome to {settings.PROJECT_NAME}"
    message = email.compose(
        settings, "welcome", message_id="job-1", to=to, subject=subject, name=name
    )
    await email.send(settings, message)


async def test_the_welcome_mail_has_a_text_and_an_html_part(
    mailbox: Mailbox, settings_with: Callable[..., Settings]
) -> None:
    await welcome(settings_with(**mailbox.settings, MAIL_FROM="hello@acme.example"))

    [mail] = mailbox.mails
    assert mail["To"] == "ada@example.com"
    assert mail["From"] == "Acme & Co <hello@acme.example>"
    assert mail["Subject"] == "Welcome to Acme & Co"
    assert mail.get_content_type() == "multipart/alternative"
    assert text(mail).startswith("Hello Ada,")
    assert "<p>Hello Ada,</p>" in text(mail, "html")


async def test_a_mail_names_its_job_and_its_time(
    mailbox: Mailbox, settings_with: Callable[..., Settings], clock: Traveller
) -> None:
    await welcome(settings_with(**mailbox.settings, MAIL_FROM="hello@acme.example"))

    [mail] = mailbox.mails
    assert mail["Message-ID"] == "<job-1@acme.example>"
    assert mail["Date"].datetime == utc_now().replace(microsecond=0)
    assert mail["Auto-Submitted"] == "auto-generated"


async def test_a_name_is_escaped_in_the_html_part_only(
    mailbox: Mailbox, settings_with: Callable[..., Settings]
) -> None:
    await welcome(settings_with(**mailbox.settings), name="<b>Ada</b> & {{ name }}")

    [mail] = mailbox.mails
    assert "Hello <b>Ada</b> & {{ name }}," in text(mail)
    assert "Hello &lt;b&gt;Ada&lt;/b&gt; &amp; {{ name }}," in text(mail, "html")
    assert "welcome to Acme &amp; Co" in text(mail, "html")


async def test_a_name_beyond_ascii_arrives_whole(
    mailbox: Mailbox, settings_with: Callable[..., Settings]
) -> None:
    await welcome(settings_with(**mailbox.settings), to="zoe@bücher.example.com", name="Zoë 渡辺")

    [mail] = mailbox.mails
    assert mail["To"] == "zoe@xn--bcher-kva.example.com"
    assert "Hello Zoë 渡辺," in text(mail)


@pytest.mark.parametrize(
    "header",
    [
        {"to": "ada@example.com\nBcc: eve@example.com"},
        {"to": "ada@example.com, eve@example.com"},
        {"to": "=?utf-8?q?=65ve?=@example.com"},
        {"subject": "Hello\r\nBcc: eve@example.com"},
        {"message_id": "job\nBcc: eve@example.com"},
    ],
)
async def test_no_value_adds_a_header_or_a_recipient(
    settings_with: Callable[..., Settings], header: dict[str, str]
) -> None:
    valid = {"to": "ada@example.com", "subject": "Hello", "message_id": "1", "name": "Ada"}

    with pytest.raises(ValueError, match=r"linefeed|invalid characters"):
        email.compose(settings_with(), "welcome", **valid | header)


@pytest.mark.parametrize("word", ["=?utf-8?q?x=0D=0ABcc=3A_eve=40a.org?=", "=?utf-8?b?DQoNCng=?="])
async def test_a_subject_says_what_it_was_given(
    mailbox: Mailbox, settings_with: Callable[..., Settings], word: str
) -> None:
    """Decoded as an encoded word (RFC 2047), it would end the head of the mail."""
    settings = settings_with(**mailbox.settings)
    message = email.compose(
        settings, "welcome", message_id="1", to="ada@example.com", subject=word, name="Ada"
    )
    await email.send(settings, message)

    [mail] = mailbox.mails
    assert mail["Subject"] == word.replace("=?", "= ?")
    assert mail["Bcc"] is None
    assert text(mail).startswith("Hello Ada,")


async def test_a_login_is_made_when_there_is_a_username(
    mailbox: Mailbox, settings_with: Callable[..., Settings]
) -> None:
    login = {"SMTP_USERNAME": server.USERNAME, "SMTP_PASSWORD": server.PASSWORD}

    await welcome(settings_with(**mailbox.settings, **login))

    assert mailbox.logins == [server.USERNAME]
    assert len(mailbox.mails) == 1


async def test_no_mail_goes_in_the_clear_where_encryption_is_asked_for(
    mailbox: Mailbox, settings_with: Callable[..., Settings]
) -> None:
    settings = settings_with(**mailbox.settings | {"SMTP_SECURITY": "starttls"})

    with pytest.raises(aiosmtplib.SMTPException, match="STARTTLS"):
        await welcome(settings)

    assert mailbox.mails == []


async def test_without_a_mail_server_a_developer_reads_the_mail_in_the_log(
    settings_with: Callable[..., Settings], read_log: Callable[[], str]
) -> None:
    settings = settings_with()
    setup_logging(settings)

    await welcome(settings)

    assert "To: ada@example.com\nSubject: Welcome to Acme & Co\n\nHello Ada,\n" in read_log()


async def test_a_refusal_of_the_mail_server_is_told_without_the_address(
    mailbox: Mailbox, settings_with: Callable[..., Settings]
) -> None:
    mailbox.refuses = True

    with pytest.raises(Undelivered, match="550") as refusal:
        await welcome(settings_with(**mailbox.settings))

    assert "ada@example.com" not in "".join(traceback.format_exception(refusal.value))


async def test_without_a_mail_server_a_deployed_service_warns_and_shows_no_mail(
    settings_with: Callable[..., Settings], read_log: Callable[[], str]
) -> None:
    settings = settings_with(**DEPLOYED)
    setup_logging(settings)

    await welcome(settings)

    [line] = read_log().splitlines()
    assert "SMTP_HOST is not set" in line
    assert "ada@example.com" not in line
    assert "Hello" not in line
