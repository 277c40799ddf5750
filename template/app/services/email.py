"""Mail: a text and an HTML part from `app/templates/email`, sent through an SMTP server."""

from email.headerregistry import Address
from email.message import EmailMessage

import aiosmtplib
import structlog
from email_validator import validate_email
from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from app.core.clock import utc_now
from app.core.config import Settings
from app.core.tokens import hash_token

logger = structlog.stdlib.get_logger(__name__)

TIMEOUT_SECONDS = 10
ENCODED_WORD = "=?"
"""Begins what is decoded when a header is set (RFC 2047): to another address, or a line break and a
header of the sender's choice."""


class Undelivered(Exception):
    """Holds the server's code and not its words: they name the recipient, and errors are logged."""


templates = Environment(
    loader=PackageLoader("app", "templates/email"),
    autoescape=select_autoescape(["html"]),
    lstrip_blocks=True,
    trim_blocks=True,
    undefined=StrictUndefined,
)


def compose(
    settings: Settings,
    template: str,
    *,
    message_id: str,
    to: str,
    subject: str,
    page: str = "",
    token: str = "",
    **values: str,
) -> EmailMessage:
    """`message_id` marks a mail that is sent twice as one; `page` of the frontend takes `token`.
    Raises ValueError for a bad header.
    """
    # Behind the #, what a browser keeps to itself: the token reaches no log and no other page.
    link = f"{settings.FRONTEND_URL}{page}#token={token}" if settings.FRONTEND_URL and page else ""
    if ENCODED_WORD in to:
        raise ValueError("The recipient has invalid characters")
    sender = Address(settings.PROJECT_NAME, addr_spec=settings.MAIL_FROM)
    recipient = validate_email(to, check_deliverability=False)
    message = EmailMessage()
    message["From"] = sender
    message["To"] = recipient.ascii_email or recipient.normalized
    message["Subject"] = subject.replace(ENCODED_WORD, "= ?")
    message["Date"] = utc_now()
    message["Message-ID"] = f"<{message_id}@{sender.domain}>"
    message["Auto-Submitted"] = "auto-generated"  # no out-of-office replies (RFC 3834)
    context = {"project_name": settings.PROJECT_NAME, "name": ""} | values
    context |= {"link": link, "token": token}
    message.set_content(templates.get_template(f"{template}.txt").render(context))
    html = templates.get_template(f"{template}.html").render(context)
    message.add_alternative(html, subtype="html")
    return message


def message_id(job_id: str, *parts: str) -> str:
    """The same when a job sends the same once more; another one with another token."""
    return ".".join([job_id, *(hash_token(part)[:16] for part in parts if part)])


async def send(settings: Settings, message: EmailMessage) -> None:
    """Without SMTP_HOST it goes to the log in development; a deployed service only warns."""
    if settings.SMTP_HOST:
        await _deliver(settings, message)
    elif settings.deployed:
        logger.warning("Mail was not sent: SMTP_HOST is not set")
    else:
        body = message.get_body(("plain",))
        text = body.get_content() if body else ""
        head = f"To: {message['To']}\nSubject: {message['Subject']}"
        logger.info(f"Mail was not sent: SMTP_HOST is not set\n\n{head}\n\n{text}")


async def _deliver(settings: Settings, message: EmailMessage) -> None:
    try:
        await aiosmtplib.send(
            message,
            hostname=settings.SMTP_HOST,
            port=settings.SMTP_PORT,
            username=settings.SMTP_USERNAME or None,
            password=settings.SMTP_PASSWORD.get_secret_value() or None,
            use_tls=settings.SMTP_SECURITY == "tls",
            start_tls=settings.SMTP_SECURITY == "starttls",
            timeout=TIMEOUT_SECONDS,
        )
    except aiosmtplib.SMTPRecipientsRefused as error:
        raise Undelivered(f"The recipient was refused: {error.recipients[0].code}") from None
    except aiosmtplib.SMTPResponseException as error:
        raise Undelivered(f"The mail was refused: {error.code}") from None
