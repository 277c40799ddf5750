"""Sessions: a row for each login, which its refresh tokens extend."""

from datetime import timedelta
from uuid import UUID

from sqlalchemy import ColumnElement, and_, exists, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.clock import utc_now
from app.core.config import Settings
from app.core.errors import InvalidToken, NotFound
from app.models import RefreshToken, User, UserSession
from app.schemas.common import PaginationParams
from app.services import audit, refresh_tokens
from app.services.audit import Action
from app.services.refresh_tokens import TokenPair


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
    return await refresh_tokens.issue(session, settings, login, parent_id=None)


async def refresh(session: AsyncSession, settings: Settings, presented: str) -> TokenPair:
    """Spends the token and issues its child; a stolen token ends the session for every holder."""
    token, first_use = await refresh_tokens.spend(session, presented)
    if await refresh_tokens.is_stolen(session, token, first_use=first_use):
        await revoke(session, token.session_id)
        audit.record(session, Action.SESSION_STOLEN, token.session)
        # The error below would roll this back, but the thief must stay out.
        await session.commit()
        raise InvalidToken
    refresh_tokens.check_alive(token)
    token.session.last_used_at = utc_now()
    token.session.address = audit.get_origin(session).address
    return await refresh_tokens.issue(session, settings, token.session, parent_id=token.id)


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
    rows = await session.scalars(
        select(UserSession)
        .where(*which, UserSession.revoked_at.is_(None))
        .order_by(UserSession.id)
        .with_for_update()
    )
    logins = list(rows)
    for login in logins:
        login.revoked_at = utc_now()
        audit.record(session, Action.SESSION_REVOKED, login)
    await session.flush()
    return bool(logins)
