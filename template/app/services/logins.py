"""Logins, which the API calls sessions; refresh tokens keep them in use."""

from datetime import timedelta
from uuid import UUID

from sqlalchemy import ColumnElement, ColumnExpressionArgument, exists, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.clock import utc_now
from app.core.config import Settings
from app.core.errors import InvalidToken, NotFound
from app.models import Login, RefreshToken, User
from app.schemas.me import SessionResponse
from app.schemas.paging import PaginatedResponse, PaginationParams
from app.services import audit, refresh_tokens
from app.services.audit import Action
from app.services.paging import Listing, Order
from app.services.refresh_tokens import TokenPair

LOGINS = Listing(select(Login), SessionResponse, Order(Login.last_used_at, Login.id))


async def start(
    session: AsyncSession,
    settings: Settings,
    user: User,
    *,
    address: str = "",
    user_agent: str = "",
) -> TokenPair:
    now = utc_now()
    login = Login(
        user=user,
        created_at=now,
        last_used_at=now,
        expires_at=now + timedelta(days=settings.SESSION_EXPIRE_DAYS),
        address=address,
        user_agent=user_agent,
    )
    session.add(login)
    await session.flush()
    audit.set_origin(session, actor_id=user.id)
    audit.record(session, Action.SESSION_STARTED, login)
    return await refresh_tokens.issue(session, settings, login, parent_id=None)


async def refresh(
    session: AsyncSession, settings: Settings, presented: str, *, address: str
) -> TokenPair:
    """Spend the token and issue its child. A stolen token ends the login for every holder."""
    token, first_use = await refresh_tokens.spend(session, presented)
    if await refresh_tokens.is_stolen(session, token, first_use=first_use):
        await revoke(session, token.session_id)
        audit.record(session, Action.SESSION_STOLEN, token.login)
        # Otherwise the error below would roll back the revocation.
        await session.commit()
        raise InvalidToken
    refresh_tokens.check_alive(token)
    token.login.last_used_at = utc_now()
    token.login.address = address
    return await refresh_tokens.issue(session, settings, token.login, parent_id=token.id)


async def list_open(
    session: AsyncSession, user_id: UUID, pagination: PaginationParams, *, current: UUID
) -> PaginatedResponse[SessionResponse]:
    """Logins that can still be refreshed, most recently used first."""
    mine = Login.user_id == user_id
    page = await LOGINS.page(session, pagination, mine, Login.alive, _refreshable())
    for login in page.data:
        login.current = login.id == current
    return page


async def revoke(session: AsyncSession, login_id: UUID) -> None:
    """Do nothing if the login is already revoked."""
    await _revoke(session, Login.id == login_id)


async def revoke_of_user(session: AsyncSession, user_id: UUID, login_id: UUID) -> None:
    """Raise NotFound for a login that `list_open` would not show."""
    mine = (Login.user_id == user_id) & (Login.id == login_id)
    if not await _revoke(session, mine, Login.alive, _refreshable()):
        raise NotFound("Session not found")


async def revoke_all(session: AsyncSession, user_id: UUID, *, keep: UUID | None = None) -> None:
    """Revoke every login of the user except `keep`."""
    mine = Login.user_id == user_id
    await _revoke(session, mine if keep is None else mine & (Login.id != keep))


async def is_alive(session: AsyncSession, login_id: UUID) -> bool:
    query = select(Login.id).where(Login.id == login_id, Login.alive)
    return await session.scalar(query) is not None


def _refreshable() -> ColumnElement[bool]:
    return exists().where(
        RefreshToken.session_id == Login.id,
        RefreshToken.used_at.is_(None),
        RefreshToken.expires_at > utc_now(),
    )


async def _revoke(session: AsyncSession, *which: ColumnExpressionArgument[bool]) -> bool:
    """Return whether any login was revoked."""
    rows = await session.scalars(
        select(Login).where(*which, Login.revoked_at.is_(None)).order_by(Login.id).with_for_update()
    )
    logins = list(rows)
    for login in logins:
        login.revoked_at = utc_now()
        audit.record(session, Action.SESSION_REVOKED, login)
    await session.flush()
    return bool(logins)
