"""Refresh tokens: each session has a chain of them, and each is spent once (RFC 9700)."""

from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from sqlalchemy import Select, bindparam, exists, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased, contains_eager

from app.core.clock import utc_now
from app.core.config import Settings
from app.core.errors import InvalidToken
from app.core.tokens import create_access_token, hash_token, new_opaque_token
from app.models import Login, RefreshToken, User

GRACE = timedelta(seconds=10)
"""How long a client that lost the response may send a spent token again."""


@dataclass(frozen=True)
class TokenPair:
    access_token: str
    refresh_token: str
    user: User


def _is_other_used() -> Select[tuple[bool]]:
    """Whether a child or sibling of the token `token_id` was used."""
    other = aliased(RefreshToken)
    used = exists().where(
        other.session_id == bindparam("session_id"),
        other.id != bindparam("token_id"),
        or_(other.parent_id == bindparam("token_id"), other.parent_id == bindparam("parent_id")),
        other.used_at.is_not(None),
    )
    return select(used)


SPEND = (
    update(RefreshToken)
    .where(RefreshToken.token_hash == bindparam("hash"), RefreshToken.used_at.is_(None))
    .values(used_at=bindparam("now"))
    .returning(RefreshToken.id)
)
LOCKED = (
    select(RefreshToken)
    .join(RefreshToken.login)
    .join(Login.user)
    .options(contains_eager(RefreshToken.login).contains_eager(Login.user))
    .where(RefreshToken.token_hash == bindparam("hash"))
    .with_for_update(of=Login, key_share=True)
)
IS_OTHER_USED = _is_other_used()


async def issue(
    session: AsyncSession, settings: Settings, login: Login, *, parent_id: UUID | None
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


async def spend(session: AsyncSession, presented: str) -> tuple[RefreshToken, bool]:
    """Return the token with its user and its locked login, and whether this is its first use.
    Raise InvalidToken if the token is unknown."""
    which = {"hash": hash_token(presented)}
    first_use = await session.scalar(SPEND, which | {"now": utc_now()}) is not None
    token = await session.scalar(LOCKED, which)
    if token is None:
        raise InvalidToken
    return token, first_use


def check_alive(token: RefreshToken) -> None:
    login = token.login
    if token.expires_at <= utc_now() or not (login.alive and login.user.enabled):
        raise InvalidToken


async def is_stolen(session: AsyncSession, token: RefreshToken, *, first_use: bool) -> bool:
    """Return whether two parties must hold tokens of this session.

    A client that lost the response may retry within the grace period and so receive several
    children of one token, but it uses only one of them.
    """
    if not first_use and (token.used_at is None or token.used_at + GRACE <= utc_now()):
        return True
    which = {"session_id": token.session_id, "token_id": token.id, "parent_id": token.parent_id}
    return bool(await session.scalar(IS_OTHER_USED, which))
