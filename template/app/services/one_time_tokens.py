"""One-time tokens, sent by email to prove that the recipient controls the address."""

from datetime import timedelta
from uuid import UUID

from sqlalchemy import ColumnElement, Select, delete, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import contains_eager

from app.core.clock import utc_now
from app.core.errors import InvalidOneTimeToken
from app.core.tokens import hash_token, new_opaque_token
from app.models import OneTimeToken, User
from app.models.one_time_token import Purpose
from app.services import users

LIFETIMES = {
    Purpose.CHANGE_EMAIL: timedelta(hours=24),
    Purpose.RESET_PASSWORD: timedelta(minutes=30),  # short: it gives access to the account
    Purpose.VERIFY_EMAIL: timedelta(hours=24),
}


async def issue(
    session: AsyncSession, user_id: UUID, purpose: Purpose, *, email: str
) -> tuple[UUID, str]:
    """Return the row's id and the token, which is only stored as a hash. Delete expired ones."""
    await session.execute(
        delete(OneTimeToken)
        .where(OneTimeToken.user_id == user_id, OneTimeToken.expires_at <= utc_now())
        .execution_options(synchronize_session=False)
    )
    token = new_opaque_token()
    row = OneTimeToken(
        user_id=user_id,
        purpose=purpose,
        email=email,
        token_hash=hash_token(token),
        expires_at=utc_now() + LIFETIMES[purpose],
    )
    session.add(row)
    await session.flush()
    return row.id, token


async def reissue(session: AsyncSession, token_id: UUID) -> tuple[OneTimeToken, str] | None:
    """Replace the token. Return None if it is used, void or expired."""
    row = await session.scalar(_with_user(OneTimeToken.id == token_id).with_for_update())
    if row is None:
        return None
    token = new_opaque_token()
    row.token_hash = hash_token(token)
    await session.flush()
    return row, token


async def find(session: AsyncSession, purpose: Purpose, token: str) -> OneTimeToken:
    """Find a valid token and its user, or raise InvalidOneTimeToken."""
    row = await session.scalar(_with_user(_is(purpose, token)))
    if row is None or (row.email != row.user.email and purpose is not Purpose.CHANGE_EMAIL):
        raise InvalidOneTimeToken
    return row


async def spend(session: AsyncSession, purpose: Purpose, token: str) -> OneTimeToken:
    """Void the token and its user's others for the purpose, or raise InvalidOneTimeToken."""
    row = await find(session, purpose, token)
    # Lock the user first, as every change to the account does, to avoid deadlocks.
    if await users.find(session, row.user_id, lock=True) is None:
        raise InvalidOneTimeToken
    spent = await session.scalar(
        update(OneTimeToken)
        .where(OneTimeToken.id == row.id, OneTimeToken.used_at.is_(None))
        .values(used_at=utc_now())
        .returning(OneTimeToken.id)
        .execution_options(synchronize_session=False)
    )
    if spent is None:
        raise InvalidOneTimeToken  # another request was first
    await void(session, row.user_id, purpose)
    return row


async def void(session: AsyncSession, user_id: UUID, *purposes: Purpose) -> None:
    await session.execute(
        update(OneTimeToken)
        .where(
            OneTimeToken.user_id == user_id,
            OneTimeToken.purpose.in_(purposes),
            OneTimeToken.used_at.is_(None),
        )
        .values(used_at=utc_now())
        .execution_options(synchronize_session=False)
    )


def _is(purpose: Purpose, token: str) -> ColumnElement[bool]:
    return (OneTimeToken.token_hash == hash_token(token)) & (OneTimeToken.purpose == purpose)


def _with_user(which: ColumnElement[bool]) -> Select[OneTimeToken]:
    return (
        select(OneTimeToken)
        .join(OneTimeToken.user)
        .options(contains_eager(OneTimeToken.user))
        .where(
            which,
            OneTimeToken.used_at.is_(None),
            OneTimeToken.expires_at > utc_now(),
            User.enabled,
        )
    )
