"""Authentication: logins by password, requests by access token or API key."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy import ColumnElement, Select, bindparam, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import contains_eager

from app.core.errors import Forbidden, InvalidToken, Unauthorized
from app.core.passwords import Passwords
from app.core.roles import Scope
from app.core.tokens import AccessClaims, KeyClaims
from app.models import ApiKey, Login, Membership, Organization, User
from app.services import logins, users

Credential = TypeVar("Credential", Login, ApiKey)


@dataclass(frozen=True)
class Caller:
    """The user behind a request, identified by a login or an API key."""

    credential: Login | ApiKey
    expires_at: datetime | None
    membership: Membership | None
    """In the organization of the URL, if it names one."""

    @property
    def user(self) -> User:
        return self.credential.user

    @property
    def key(self) -> ApiKey | None:
        return self.credential if isinstance(self.credential, ApiKey) else None

    @property
    def session_id(self) -> UUID | None:
        return self.credential.id if isinstance(self.credential, Login) else None

    def has(self, scope: Scope) -> bool:
        """A login has every scope."""
        return self.key is None or scope in self.key.scopes

    def require(self, scope: Scope) -> None:
        if not self.has(scope):
            raise Forbidden(f"The API key lacks the {scope} scope")

    def may_enter(self, organization_id: UUID) -> bool:
        """Whether the credential covers the organization; membership is checked elsewhere."""
        return self.key is None or self.key.organization_id in {None, organization_id}


async def authenticate(
    session: AsyncSession,
    passwords: Passwords,
    *,
    email: str,
    password: str,
    only_verified: bool = False,
) -> User:
    """Raise Unauthorized, taking equally long for a wrong password and an unknown email."""
    found = await users.find_by_email(session, email)
    user_id, hashed_password = (found.id, found.hashed_password) if found else (None, None)
    # Hashing is slow: release the connection and its locks first.
    await session.rollback()
    matches, rehashed = await passwords.verify(password, hashed_password)
    user = await users.find(session, user_id, lock=True) if user_id and matches else None
    if user is None:
        raise Unauthorized("Incorrect email or password")
    if user.hashed_password != hashed_password:  # changed during hashing: check again
        return await authenticate(
            session, passwords, email=email, password=password, only_verified=only_verified
        )
    if not user.is_active:
        raise Forbidden("Inactive account")
    if only_verified and user.email_verified_at is None:
        raise Forbidden("Verify your email address first: check your email or reset your password")
    if rehashed:
        user.hashed_password = rehashed
    return user


async def confirm_password(
    session: AsyncSession, passwords: Passwords, caller: Caller, password: str
) -> User:
    """Check a logged-in user's password again. Raise Forbidden if it is wrong, and InvalidToken
    if the session ended or the password changed during the check."""
    user_id, hashed_password = caller.user.id, caller.user.hashed_password
    session_id = caller.credential.id
    # Hashing is slow: release the connection and its locks first.
    await session.rollback()
    matches, _ = await passwords.verify(password, hashed_password)
    if not matches:
        raise Forbidden("Incorrect password")
    user = await users.find(session, user_id)
    if user is None or user.hashed_password != hashed_password:
        raise InvalidToken
    if not await logins.is_alive(session, session_id):
        raise InvalidToken
    return user


def _load(kind: type[Credential], *which: ColumnElement[bool]) -> Select[Any]:
    return select(kind).join(kind.user).options(contains_eager(kind.user)).where(*which, User.alive)


def _load_in(credential: Select[Any]) -> Select[Any]:
    """Load the user's membership too, with its organization, which has the slug; or None."""
    return (
        credential.add_columns(Membership)
        .outerjoin(Organization, (Organization.slug == bindparam("slug")) & Organization.alive)
        .outerjoin(
            Membership,
            (Membership.organization_id == Organization.id) & (Membership.user_id == User.id),
        )
        .options(contains_eager(Membership.organization))
    )


# Built once: building a statement takes longer than running it.
KEY = _load(ApiKey, ApiKey.key_hash == bindparam("key_hash"))
LOGIN = _load(Login, Login.id == bindparam("login_id"), User.id == bindparam("user_id"))
KEY_IN, LOGIN_IN = _load_in(KEY), _load_in(LOGIN)


async def get_caller(
    session: AsyncSession, claims: AccessClaims | KeyClaims, slug: str | None = None
) -> Caller:
    """Find the login or API key, its user, and the membership of an organization in one query.

    Raise InvalidToken if it is unknown or has ended, and Forbidden if the user is inactive.
    """
    values: dict[str, Any] = {"slug": slug} if slug else {}
    if isinstance(claims, KeyClaims):
        query = KEY_IN if slug else KEY
        values["key_hash"] = claims.key_hash
    else:
        query = LOGIN_IN if slug else LOGIN
        values |= {"login_id": claims.session_id, "user_id": claims.user_id}
    row = (await session.execute(query, values)).one_or_none()
    credential = _valid(row[0] if row else None)
    expires_at = claims.expires_at if isinstance(claims, AccessClaims) else credential.expires_at
    return Caller(credential, expires_at, row[1] if row and slug else None)


def _valid(credential: Credential | None) -> Credential:
    if credential is not None and not credential.user.is_active:
        raise Forbidden("Inactive account")
    if credential is None or not credential.alive:
        raise InvalidToken
    return credential
