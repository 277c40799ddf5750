"""Verification and change of a user's email address, with a token sent to that address."""

from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.clock import utc_now
from app.core.errors import InvalidToken
from app.models import User
from app.models.one_time_token import Purpose
from app.schemas.strings import normalize_email
from app.services import audit, logins, one_time_tokens, users
from app.services.audit import Action


async def verify(session: AsyncSession, token: str) -> None:
    """Mark the address as verified, or raise InvalidOneTimeToken."""
    spent = await one_time_tokens.spend(session, Purpose.VERIFY_EMAIL, token)
    user = await users.get(session, spent.user_id, lock=True)
    user.email_verified_at = user.email_verified_at or utc_now()
    await session.flush()
    audit.set_origin(session, actor_id=user.id)
    audit.record(session, Action.EMAIL_VERIFIED, user)


async def request_change(session: AsyncSession, user_id: UUID, email: str) -> UUID:
    """Return the id of a token row, for which a task generates the token that it sends. Raise
    InvalidToken if the user has been deleted."""
    user = await users.find(session, user_id, lock=True)
    if user is None:
        raise InvalidToken
    await one_time_tokens.void(session, user.id, Purpose.CHANGE_EMAIL)
    token_id, _ = await one_time_tokens.issue(session, user.id, Purpose.CHANGE_EMAIL, email=email)
    audit.record(session, Action.EMAIL_CHANGE_REQUESTED, user)
    return token_id


async def change(session: AsyncSession, token: str) -> User:
    """Change the address and revoke every session, as others may use the old address. Raise
    InvalidOneTimeToken, or IntegrityError if the new address has since been registered."""
    spent = await one_time_tokens.spend(session, Purpose.CHANGE_EMAIL, token)
    user = await users.get(session, spent.user_id, lock=True)
    user.email = spent.email
    user.email_normalized = normalize_email(spent.email)
    user.email_verified_at = utc_now()
    await logins.revoke_all(session, user.id)
    await one_time_tokens.void(session, user.id, Purpose.RESET_PASSWORD, Purpose.VERIFY_EMAIL)
    await session.flush()
    audit.set_origin(session, actor_id=user.id)
    audit.record(session, Action.EMAIL_CHANGED, user)
    return user
