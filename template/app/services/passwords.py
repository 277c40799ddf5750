"""Password change, with the old password, and reset, with a token sent by email."""

from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.clock import utc_now
from app.core.errors import InvalidToken
from app.core.passwords import Passwords
from app.models import User
from app.models.one_time_token import Purpose
from app.services import api_keys, audit, logins, one_time_tokens, users
from app.services.audit import Action


async def change(
    session: AsyncSession, passwords: Passwords, user: User, password: str, *, keep: UUID
) -> None:
    """Revoke every login except `keep`. The caller has checked the old password.

    Raise Invalid if the password is weak, and InvalidToken if the login `keep` has ended.
    """
    user_id = user.id
    await passwords.check_new(password, email=user.email, field="new_password")
    # Hashing is slow: release the connection and its locks first.
    await session.rollback()
    hashed_password = await passwords.hash(password)
    current = await users.find(session, user_id, lock=True)
    if current is None or not await logins.is_alive(session, keep):
        raise InvalidToken
    await _replace(session, current, hashed_password, keep=keep)
    audit.record(session, Action.PASSWORD_CHANGED, current)


async def reset(session: AsyncSession, passwords: Passwords, token: str, password: str) -> User:
    """Revoke every session and API key. A weak password raises Invalid and spends no token."""
    found = await one_time_tokens.find(session, Purpose.RESET_PASSWORD, token)
    await passwords.check_new(password, email=found.user.email)
    # Hashing is slow: release the connection and its locks first.
    await session.rollback()
    hashed_password = await passwords.hash(password)
    spent = await one_time_tokens.spend(session, Purpose.RESET_PASSWORD, token)
    user = await users.get(session, spent.user_id, lock=True)
    await _replace(session, user, hashed_password)
    user.email_verified_at = user.email_verified_at or utc_now()
    await api_keys.revoke_all(session, user.id)
    audit.set_origin(session, actor_id=user.id)
    audit.record(session, Action.PASSWORD_RESET, user)
    await session.flush()
    return user


async def _replace(
    session: AsyncSession, user: User, hashed_password: str, *, keep: UUID | None = None
) -> None:
    user.hashed_password = hashed_password
    await logins.revoke_all(session, user.id, keep=keep)
    # Otherwise an intruder could take the account back with a token issued earlier.
    await one_time_tokens.void(session, user.id, Purpose.RESET_PASSWORD, Purpose.CHANGE_EMAIL)
    await session.flush()
