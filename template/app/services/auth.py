"""Authentication: who logs in, by password, and who calls, by access token."""

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import contains_eager

from app.core.clock import utc_now
from app.core.errors import Forbidden, InvalidToken, Unauthorized
from app.core.passwords import Passwords
from app.core.tokens import AccessClaims
from app.models import ApiKey, User, UserSession
from app.services import user as users


@dataclass(frozen=True)
class Caller:
    """A user, by the session of a login or by an API key."""

    user: User
    session_id: UUID | None = None
    key: ApiKey | None = None


async def authenticate(
    session: AsyncSession, passwords: Passwords, *, email: str, password: str
) -> User:
    """Raises Unauthorized, after the same time for a wrong password and an unknown e-mail."""
    user = await users.find_by_email(session, email)
    hashed_password = user.hashed_password if user else None
    # Hashing is slow: release the connection and its locks first.
    await session.rollback()
    matches, rehashed = await passwords.verify(password, hashed_password)
    if user is None or not matches:
        raise Unauthorized("Incorrect email or password")
    await session.refresh(user)
    if not user.is_active or user.deleted_at is not None:
        raise Forbidden("Inactive account")
    if rehashed:
        user.hashed_password = rehashed
    return user


async def get_caller(session: AsyncSession, claims: AccessClaims) -> Caller:
    return Caller(await get_user(session, claims), session_id=claims.session_id)


async def get_user(session: AsyncSession, claims: AccessClaims) -> User:
    """The user of an access token, whose session must still be open; one query for both."""
    query = (
        select(UserSession)
        .join(UserSession.user)
        .options(contains_eager(UserSession.user))
        .where(
            UserSession.id == claims.session_id,
            User.id == claims.user_id,
            User.deleted_at.is_(None),
        )
    )
    login = await session.scalar(query)
    if login is not None and not login.user.is_active:
        raise Forbidden("Inactive user")
    if login is None or login.revoked_at is not None or login.expires_at <= utc_now():
        raise InvalidToken
    return login.user
