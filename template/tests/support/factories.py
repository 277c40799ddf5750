"""Valid rows for tests to start from, each unlike the others where it must be."""

from datetime import timedelta
from itertools import count
from typing import Any, TypeVar
from uuid import UUID

from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import joinedload

from app.core.clock import utc_now
from app.core.roles import MemberRole, Scope, UserRole
from app.core.tokens import hash_token, new_api_key, new_opaque_token
from app.models import (
    ApiKey,
    Invitation,
    Membership,
    OneTimeToken,
    Organization,
    Project,
    User,
)
from app.models.one_time_token import Purpose
from app.schemas.strings import normalize_email

PASSWORD = "Correct-Horse-7!"
_hasher = Argon2Hasher(time_cost=1, memory_cost=8, parallelism=1)
HASHED_PASSWORD = PasswordHash((_hasher,)).hash(PASSWORD)

Row = TypeVar("Row")

_numbers = count(1)


def new_user(**columns: Any) -> User:
    """Return a user who is not saved yet and logs in with PASSWORD."""
    number = next(_numbers)
    email = columns.pop("email", f"user{number}@example.com")
    return User(
        email=email,
        email_normalized=normalize_email(email),
        **{"name": f"User {number}", "hashed_password": HASHED_PASSWORD} | columns,
    )


async def make_user(session: AsyncSession, **columns: Any) -> User:
    return await save(session, new_user(**columns))


async def make_admin(session: AsyncSession, **columns: Any) -> User:
    return await make_user(session, role=UserRole.ADMIN, **columns)


async def make_organization(session: AsyncSession, owner: User, **columns: Any) -> Organization:
    number = next(_numbers)
    names = {"name": f"Organization {number}", "slug": f"organization-{number}"}
    organization = await save(session, Organization(**names | columns))
    await add_member(session, organization, owner, MemberRole.OWNER)
    return organization


async def make_owner(session: AsyncSession, slug: str = "acme") -> User:
    """Make a user who owns an organization with this slug."""
    owner = await make_user(session)
    await make_organization(session, owner, slug=slug)
    return owner


async def add_member(
    session: AsyncSession,
    organization: Organization,
    user: User,
    role: MemberRole = MemberRole.MEMBER,
) -> Membership:
    membership = Membership(organization_id=organization.id, user_id=user.id, role=role)
    return await save(session, membership)


async def get_membership(session: AsyncSession, organization_id: UUID, user_id: UUID) -> Membership:
    """The membership with its organization, as a request's dependency loads it."""
    query = select(Membership).options(joinedload(Membership.organization))
    rows = await session.scalars(
        query.where(Membership.organization_id == organization_id, Membership.user_id == user_id)
    )
    return rows.one()


async def make_member(
    session: AsyncSession, organization: Organization, role: MemberRole = MemberRole.MEMBER
) -> User:
    """Make a new user who belongs to the organization."""
    user = await make_user(session)
    await add_member(session, organization, user, role)
    return user


async def make_project(
    session: AsyncSession, organization: Organization, **columns: Any
) -> Project:
    number = next(_numbers)
    names = {"name": f"Project {number}", "slug": f"project-{number}"}
    return await save(session, Project(organization_id=organization.id, **names | columns))


async def make_invitation(
    session: AsyncSession, organization: Organization, inviter: User, **columns: Any
) -> Invitation:
    email = columns.pop("email", f"guest{next(_numbers)}@example.com")
    usual = {
        "organization_id": organization.id,
        "invited_by": inviter.id,
        "email": email,
        "email_normalized": normalize_email(email),
        "role": MemberRole.MEMBER,
        "expires_at": utc_now() + timedelta(days=7),
    }
    return await save(session, Invitation(**usual | columns))


async def make_api_key(
    session: AsyncSession,
    user: User,
    *scopes: Scope,
    organization: Organization | None = None,
    **columns: Any,
) -> tuple[ApiKey, str]:
    """Return the row and the key itself, by default with the scopes read and write."""
    key = new_api_key()
    usual = {
        "user_id": user.id,
        "organization_id": organization.id if organization else None,
        "name": f"Key {next(_numbers)}",
        "prefix": key[:11],
        "key_hash": hash_token(key),
        "scopes": list(scopes or (Scope.READ, Scope.WRITE)),
    }
    return await save(session, ApiKey(**usual | columns)), key


async def make_one_time_token(
    session: AsyncSession, user: User, purpose: Purpose, email: str | None = None
) -> str:
    """Return the token, as it is mailed."""
    token = new_opaque_token()
    row = OneTimeToken(
        user_id=user.id,
        purpose=purpose,
        email=email or user.email,
        token_hash=hash_token(token),
        expires_at=utc_now() + timedelta(hours=1),
    )
    await save(session, row)
    return token


async def save(session: AsyncSession, row: Row) -> Row:
    session.add(row)
    await session.commit()
    return row


# Your own factories go into `own.py`.
