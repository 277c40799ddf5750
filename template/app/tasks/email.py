"""The mails that the service sends; each is a task for the queue.

Only ids travel, so that what waits in a queue holds no personal data, and no token: a task makes
the token that it mails.
"""

from datetime import timedelta
from uuid import UUID

from app.core.errors import NotFound
from app.models import User
from app.models.one_time_token import Purpose
from app.services import email, one_time_tokens, users
from app.tasks.queue import Job


async def send_welcome_email(job: Job, user_id: str) -> None:
    if user := await _find(job, user_id):
        token = "" if user.email_verified_at else await _issue(job, user, Purpose.VERIFY_EMAIL)
        subject = f"Welcome to {job.settings.PROJECT_NAME}"
        page = "/verify-email" if token else ""
        await _send(job, user, "welcome", subject, page=page, token=token)


async def send_verification_email(job: Job, user_id: str) -> None:
    user = await _find(job, user_id)
    if user and not user.email_verified_at:
        token = await _issue(job, user, Purpose.VERIFY_EMAIL)
        subject = "Verify your e-mail address"
        await _send(job, user, "verify_email", subject, page="/verify-email", token=token)


async def send_account_exists_email(job: Job, user_id: str) -> None:
    if user := await _find(job, user_id):
        await _send(job, user, "account_exists", "You have an account already")


async def send_password_reset_email(job: Job, user_id: str) -> None:
    """To nobody, when nobody has the address that was given."""
    if user := await _find(job, user_id):
        token = await _issue(job, user, Purpose.RESET_PASSWORD)
        minutes = str(one_time_tokens.LIFETIMES[Purpose.RESET_PASSWORD] // timedelta(minutes=1))
        await _send(
            *(job, user, "reset_password", "Choose a new password"),
            page="/reset-password",
            token=token,
            minutes=minutes,
        )


async def send_password_changed_email(job: Job, user_id: str) -> None:
    if user := await _find(job, user_id):
        await _send(job, user, "password_changed", "Your password was changed")


async def send_email_change_notice(job: Job, user_id: str) -> None:
    """To the address that is about to be replaced."""
    if user := await _find(job, user_id):
        await _send(job, user, "email_change_requested", "A new e-mail address for your account")


async def send_email_change_token(job: Job, token_id: str) -> None:
    """To the new address. Started again, it mails another token, which replaces the first."""
    async with job.database.write() as session:
        issued = await one_time_tokens.reissue(session, UUID(token_id))
        await session.commit()
    if issued:
        row, token = issued
        await _send(
            *(job, row.user, "change_email", "Confirm your new e-mail address"),
            to=row.email,
            page="/confirm-email",
            token=token,
        )


async def _find(job: Job, user_id: str) -> User | None:
    """None if the user has been deleted or deactivated in the meantime."""
    async with job.database.read() as session:
        try:
            user = await users.get(session, UUID(user_id))
        except NotFound:
            return None
    return user if user.is_active else None


async def _issue(job: Job, user: User, purpose: Purpose) -> str:
    async with job.database.write() as session:
        _, token = await one_time_tokens.issue(session, user.id, purpose, email=user.email)
        await session.commit()
    return token


async def _send(
    job: Job, user: User, template: str, subject: str, *, to: str = "", **values: str
) -> None:
    """When a job is tried again, its mail has another token: so it is another mail."""
    message = email.compose(
        job.settings,
        template,
        message_id=email.message_id(job.id, template, values.get("token", "")),
        to=to or user.email,
        subject=subject,
        name=user.name,
        **values,
    )
    await email.send(job.settings, message)
