"""Sessions: a row for each login, extended by a chain of refresh tokens (RFC 9700)."""

from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from sqlalchemy import ColumnElement, and_, exists, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased, contains_eager

from app.core.clock import utc_now
from app.core.config import Settings
from app.core.errors import InvalidToken, NotFound
from app.core.tokens import create_access_token, hash_token, new_opaque_token
from app.models import RefreshToken, User, UserSession
from app.schemas.common import PaginationParams
from app.services import audit
from app.services.audit import Action


@dataclass(frozen=True)
class TokenPair:
    access_token: str
    refresh_token: str
    user: User


async def start(
    session: AsyncSession, settings: Settings, user: User, *, user_agent: str = ""
) -> TokenPair:
    now = utc_now()
    login = UserSession(
        user=user,
        created_at=now,
        last_used_at=now,
        expires_at=now + timedelta(days=settings.SESSION_EXPIRE_DAYS),
        address=audit.get_origin(session).address,
        user_agent=user_agent,
    )
    session.add(login)
    await session.flush()
    audit.set_origin(session, actor_id=user.id)
    audit.record(session, Action.SESSION_STARTED, login)
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
        audit.record(session, Action.SESSION_STOLEN, token.session)
        # The error below would roll this back, but the thief must stay out.
        await session.commit()
        raise InvalidToken
    _check_alive(token)
    token.session.last_used_at = utc_now()
    token.session.address = audit.get_origin(session).address
    return await _issue(session, settings, token.session, parent_id=token.id)


async def list_open(
    session: AsyncSession, user_id: UUID, pagination: PaginationParams
) -> tuple[list[UserSession], int]:
    """One page, the last used first, and the total. One whose refresh tokens have all expired is
    over as well."""
    conditions = (UserSession.user_id == user_id, _open())
    total = await session.scalar(select(func.count(UserSession.id)).where(*conditions))
    rows = await session.scalars(
        select(UserSession)
        .where(*conditions)
        .order_by(UserSession.last_used_at.desc(), UserSession.id)
        .offset(pagination.offset)
        .limit(pagination.limit)
    )
    return list(rows), total or 0


async def revoke(session: AsyncSession, session_id: UUID) -> None:
    """Does nothing if it has ended already."""
    await _revoke(session, UserSession.id == session_id)


async def revoke_of_user(session: AsyncSession, user_id: UUID, session_id: UUID) -> None:
    mine = and_(UserSession.user_id == user_id, UserSession.id == session_id)
    if not await _revoke(session, mine, _open()):
        raise NotFound("Session not found")


async def revoke_all(session: AsyncSession, user_id: UUID, *, but: UUID | None = None) -> None:
    """Of the user's sessions; `but` one may stay."""
    mine = UserSession.user_id == user_id
    await _revoke(session, mine if but is None else mine & (UserSession.id != but))


async def is_open(session: AsyncSession, session_id: UUID) -> bool:
    query = select(UserSession.id).where(
        UserSession.id == session_id,
        UserSession.revoked_at.is_(None),
        UserSession.expires_at > utc_now(),
    )
    return await session.scalar(query) is not None


def _open() -> ColumnElement[bool]:
    alive = exists().where(
        RefreshToken.session_id == UserSession.id,
        RefreshToken.used_at.is_(None),
        RefreshToken.expires_at > utc_now(),
    )
    return and_(UserSession.revoked_at.is_(None), UserSession.expires_at > utc_now(), alive)


async def _revoke(session: AsyncSession, *which: ColumnElement[bool]) -> bool:
    """Whether there was one to revoke."""
    logins = list(
        await session.scalars(select(UserSession).where(*which, UserSession.revoked_at.is_(None)))
    )
    for login in logins:
        login.revoked_at = utc_now()
        audit.record(session, Action.SESSION_REVOKED, login)
    await session.flush()
    return bool(logins)


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
