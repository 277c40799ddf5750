"""A user's e-mail address: verified, and changed, by a token that was mailed to it."""

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
    """Raises InvalidOneTimeToken."""
    spent = await one_time_tokens.spend(session, Purpose.VERIFY_EMAIL, token)
    user = await users.get(session, spent.user_id, lock=True)
    user.email_verified_at = user.email_verified_at or utc_now()
    await session.flush()
    audit.set_origin(session, actor_id=user.id)
    audit.record(session, Action.EMAIL_VERIFIED, user)


async def request_change(session: AsyncSession, user_id: UUID, email: str) -> UUID:
    """The id of the token's row, from which a task makes the token that it mails. Raises
    InvalidToken if the user has been deleted meanwhile."""
    user = await users.find(session, user_id, lock=True)
    if user is None:
        raise InvalidToken
    await one_time_tokens.void(session, user.id, Purpose.CHANGE_EMAIL)
    token_id, _ = await one_time_tokens.issue(session, user.id, Purpose.CHANGE_EMAIL, email=email)
    audit.record(session, Action.EMAIL_CHANGE_REQUESTED, user)
    return token_id


async def change(session: AsyncSession, token: str) -> User:
    """Ends every session: they belong to whoever reads the old address. Raises
    InvalidOneTimeToken; the address may have been registered meanwhile, which is a conflict."""
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
