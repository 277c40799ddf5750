"""The emails that the service sends, one task each.

A task receives only ids and creates the token that it sends, so that the queue holds neither
personal data nor tokens.
"""

from datetime import timedelta
from uuid import UUID

from app.core import mail
from app.core.errors import NotFound
from app.core.tokens import hash_token
from app.models import User
from app.models.one_time_token import Purpose
from app.services import invitations, one_time_tokens, users
from app.tasks.queue import Job, task


@task
async def send_welcome_email(job: Job, user_id: str) -> None:
    if user := await _find(job, user_id):
        token = "" if user.email_verified_at else await _issue(job, user, Purpose.VERIFY_EMAIL)
        await _send_to_user(job, "welcome", user, page="/verify-email", token=token)


@task
async def send_verification_email(job: Job, user_id: str) -> None:
    user = await _find(job, user_id)
    if user and not user.email_verified_at:
        token = await _issue(job, user, Purpose.VERIFY_EMAIL)
        await _send_to_user(job, "verify_email", user, page="/verify-email", token=token)


@task
async def send_account_exists_email(job: Job, user_id: str) -> None:
    if user := await _find(job, user_id):
        await _send_to_user(job, "account_exists", user)


@task
async def send_password_reset_email(job: Job, user_id: str) -> None:
    """Send nothing for an unknown id: the route enqueues a random one for an unknown address."""
    if user := await _find(job, user_id):
        token = await _issue(job, user, Purpose.RESET_PASSWORD)
        minutes = str(one_time_tokens.LIFETIMES[Purpose.RESET_PASSWORD] // timedelta(minutes=1))
        await _send_to_user(
            job, "reset_password", user, page="/reset-password", token=token, minutes=minutes
        )


@task
async def send_password_changed_email(job: Job, user_id: str) -> None:
    if user := await _find(job, user_id):
        await _send_to_user(job, "password_changed", user)


@task
async def send_email_change_notice(job: Job, user_id: str) -> None:
    """Notify the current address, which is about to be replaced."""
    if user := await _find(job, user_id):
        await _send_to_user(job, "email_change_requested", user)


@task
async def send_email_change_token(job: Job, token_id: str) -> None:
    """Email the new address. A retry sends another token, which replaces the first."""
    async with job.database.write() as session:
        issued = await one_time_tokens.reissue(session, UUID(token_id))
        await session.commit()
    if issued:
        row, token = issued
        await _send(
            job, "change_email", row.email, page="/confirm-email", token=token, name=row.user.name
        )


@task
async def send_invitation_email(job: Job, invitation_id: str) -> None:
    """Email the invited address. A retry sends another token, which replaces the first."""
    async with job.database.write() as session:
        renewed = await invitations.renew_token(session, UUID(invitation_id))
        await session.commit()
    if renewed:
        invitation, token = renewed
        await _send(
            job,
            "invitation",
            invitation.email,
            page="/invitations",
            token=token,
            organization=invitation.organization.name,
            role=invitation.role,
        )


async def _find(job: Job, user_id: str) -> User | None:
    """Return None if the user has been deleted or deactivated since."""
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


async def _send_to_user(job: Job, template: str, user: User, **values: str) -> None:
    await _send(job, template, user.email, name=user.name, **values)


async def _send(job: Job, template: str, to: str, *, token: str = "", **values: str) -> None:
    """Send an email. A retry has the same Message-ID, unless its token is a new one."""
    message_id = f"{job.id}.{template}.{hash_token(token)[:16]}"
    message = mail.compose(
        job.settings, template, message_id=message_id, to=to, token=token, **values
    )
    await mail.send(job.settings, message)
