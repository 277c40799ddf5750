"""Email: composed from a template in `app/templates/mail` and sent through an SMTP server."""

from email.headerregistry import Address
from email.message import EmailMessage

import aiosmtplib
import structlog
from email_validator import validate_email
from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from app.core.clock import utc_now
from app.core.config import Settings

logger = structlog.stdlib.get_logger(__name__)

TIMEOUT_SECONDS = 10
ENCODED_WORD = "=?"
"""Starts an encoded word (RFC 2047). Python decodes it when a header is set, which could change the
recipient or add a line break and another header.
"""


class Undelivered(Exception):
    """An error with the server's code but not its text, which would log the recipient."""


templates = Environment(
    loader=PackageLoader("app", "templates/mail"),
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
    page: str = "",
    token: str = "",
    **values: str,
) -> EmailMessage:
    """Render an email with text and HTML parts, and a link that passes `token` to `page`.

    Without FRONTEND_URL the email shows the token instead. Emails with the same `message_id` count
    as one. Raise ValueError if a header is invalid.
    """
    parts = {"project_name": settings.PROJECT_NAME, "name": "", "link": "", "token": token} | values
    if settings.FRONTEND_URL and page and token:
        # Browsers do not send the fragment, so the token stays out of logs and Referer headers.
        parts["link"] = f"{settings.FRONTEND_URL}{page}#token={token}"
    parts |= _render_blocks(template, parts)
    message = EmailMessage()
    _set_headers(message, settings, message_id=message_id, to=to, subject=parts["subject"])
    message.set_content(templates.get_template("layout.txt").render(parts))
    html = templates.get_template("layout.html").render(parts)
    message.add_alternative(html, subtype="html")
    return message


def _render_blocks(name: str, values: dict[str, str]) -> dict[str, str]:
    """Return the blocks of an email, `subject`, `text` and `footer`, as plain text."""
    template = templates.get_template(f"{name}.txt")
    context = template.new_context(values)
    return {block: "".join(render(context)).strip() for block, render in template.blocks.items()}


def _set_headers(
    message: EmailMessage, settings: Settings, *, message_id: str, to: str, subject: str
) -> None:
    if ENCODED_WORD in to:
        raise ValueError("The recipient contains invalid characters")
    sender = Address(settings.PROJECT_NAME, addr_spec=settings.MAIL_FROM)
    recipient = validate_email(to, check_deliverability=False)
    message["From"] = sender
    message["To"] = recipient.ascii_email or recipient.normalized
    message["Subject"] = subject.replace(ENCODED_WORD, "= ?")
    message["Date"] = utc_now()
    message["Message-ID"] = f"<{message_id}@{sender.domain}>"
    message["Auto-Submitted"] = "auto-generated"  # no out-of-office replies (RFC 3834)


async def send(settings: Settings, message: EmailMessage) -> None:
    """Send the email. Without SMTP_HOST, log it in development and only warn when deployed."""
    if settings.SMTP_HOST:
        await _deliver(settings, message)
    elif settings.deployed:
        logger.warning("Email not sent: SMTP_HOST is not set")
    else:
        body = message.get_body(("plain",))
        text = body.get_content() if body else ""
        head = f"To: {message['To']}\nSubject: {message['Subject']}"
        logger.info(f"Email not sent: SMTP_HOST is not set\n\n{head}\n\n{text}")


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
        raise Undelivered(f"The recipient was rejected: {error.recipients[0].code}") from None
    except aiosmtplib.SMTPResponseException as error:
        raise Undelivered(f"The email was rejected: {error.code}") from None
