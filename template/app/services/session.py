"""Sessions: a row for each login, extended by a chain of refresh tokens (RFC 9700)."""

from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from sqlalchemy import ColumnElement, exists, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased, contains_eager

from app.core.clock import utc_now
from app.core.config import Settings
from app.core.errors import InvalidToken
from app.core.tokens import create_access_token, hash_token, new_opaque_token
from app.models import RefreshToken, User, UserSession


@dataclass(frozen=True)
class TokenPair:
    access_token: str
    refresh_token: str
    user: User


async def start(session: AsyncSession, settings: Settings, user: User) -> TokenPair:
    now = utc_now()
    login = UserSession(
        user=user, created_at=now, expires_at=now + timedelta(days=settings.SESSION_EXPIRE_DAYS)
    )
    session.add(login)
    await session.flush()
    return await _issue(session, settings, login, parent_id=None)


async def refresh(session: AsyncSession, settings: Settings, presented: str) -> TokenPair:
    """Spends the token and issues its child; a stolen token ends the session for every holder."""
    token_hash = hash_token(presented)
    spend = (
        update(RefreshToken)
        .where(RefreshToken.token_hash == token_hash, RefreshToken.used_at.is_(None))
        .values(used_at=utc_now())
        .returning(RefreshToken.id)
    )
    first_use = await session.scalar(spend) is not None
    query = (
        select(RefreshToken)
        .join(RefreshToken.session)
        .join(UserSession.user)
        .options(contains_eager(RefreshToken.session).contains_eager(UserSession.user))
        .where(RefreshToken.token_hash == token_hash)
        .with_for_update(of=UserSession, key_share=True)
    )
    token = await session.scalar(query)
    if token is None:
        raise InvalidToken
    if await _is_stolen(session, settings, token, first_use=first_use):
        await revoke(session, token.session_id)
        # The error below would roll this back, but the thief must stay out.
        await session.commit()
        raise InvalidToken
    _check_alive(token)
    return await _issue(session, settings, token.session, parent_id=token.id)


async def revoke(session: AsyncSession, session_id: UUID) -> None:
    await _revoke(session, UserSession.id == session_id)


async def revoke_all(session: AsyncSession, user_id: UUID) -> None:
    await _revoke(session, UserSession.user_id == user_id)


async def _revoke(session: AsyncSession, which: ColumnElement[bool]) -> None:
    for login in await session.scalars(
        select(UserSession).where(which, UserSession.revoked_at.is_(None))
    ):
        login.revoked_at = utc_now()
    await session.flush()


def _check_alive(token: RefreshToken) -> None:
    now = utc_now()
    login = token.session
    if token.expires_at <= now or login.revoked_at is not None:
        raise InvalidToken
    if login.user.deleted_at is not None or not login.user.is_active:
        raise InvalidToken


async def _is_stolen(
    session: AsyncSession, settings: Settings, token: RefreshToken, *, first_use: bool
) -> bool:
    """Whether two parties must hold tokens of this session.

    A client that lost the response may retry within the grace period and so receive several
    children of one token, but it goes on to use only one of them.
    """
    grace = timedelta(seconds=settings.REFRESH_TOKEN_GRACE_SECONDS)
    if not first_use and (token.used_at is None or token.used_at + grace <= utc_now()):
        return True
    other = aliased(RefreshToken)
    used_instead = exists().where(
        other.session_id == token.session_id,
        other.id != token.id,
        or_(other.parent_id == token.id, other.parent_id == token.parent_id),
        other.used_at.is_not(None),
    )
    return bool(await session.scalar(select(used_instead)))


async def _issue(
    session: AsyncSession, settings: Settings, login: UserSession, *, parent_id: UUID | None
) -> TokenPair:
    refresh_token = new_opaque_token()
    idle_end = utc_now() + timedelta(days=settings.REFRESH_TOKEN_EXPIRE_DAYS)
    session.add(
        RefreshToken(
            session_id=login.id,
            parent_id=parent_id,
            token_hash=hash_token(refresh_token),
            expires_at=min(idle_end, login.expires_at),
        )
    )
    await session.flush()
    access_token = create_access_token(settings, user_id=login.user_id, session_id=login.id)
    return TokenPair(access_token, refresh_token, login.user)
