"""User accounts, which are marked as deleted rather than removed."""

from dataclasses import dataclass
from uuid import UUID

from pydantic import SecretStr
from sqlalchemy import bindparam, or_, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.clock import utc_now
from app.core.errors import Conflict, NotFound
from app.core.passwords import Passwords
from app.core.roles import UserRole
from app.db.dialect import contains
from app.models import Membership, Organization, User
from app.schemas.me import UserOrganization, UserUpdateMe
from app.schemas.paging import PaginatedResponse, PaginationParams
from app.schemas.strings import normalize_email
from app.schemas.user import UserResponse, UserUpdate
from app.services import api_keys, audit, logins, memberships
from app.services.audit import Action
from app.services.paging import Listing, Order

USERS = Listing(select(User).where(User.alive), UserResponse, Order(User.created_at, User.id))
ORGANIZATIONS = (
    select(Organization.id, Organization.name, Organization.slug, Membership.role)
    .join(Organization.memberships)
    .where(Membership.user_id == bindparam("user_id"), Organization.alive)
    .order_by(Organization.name, Organization.id)
)


@dataclass(frozen=True)
class NewUser:
    """A user to create. `verified` means that the email address needs no verification."""

    email: str
    name: str
    password: SecretStr
    role: UserRole = UserRole.USER
    is_active: bool = True
    verified: bool = False


@dataclass(frozen=True)
class Registration:
    """The user with the email, and whether this registration created them."""

    user: User | None
    created: bool


async def get(session: AsyncSession, user_id: UUID, *, lock: bool = False) -> User:
    user = await find(session, user_id, lock=lock)
    if user is None:
        raise NotFound("User not found")
    return user


async def find(session: AsyncSession, user_id: UUID, *, lock: bool = False) -> User | None:
    """Pass `lock` to change the row, so that concurrent changes are serialized."""
    query = select(User).where(User.id == user_id, User.alive)
    if lock:
        query = query.with_for_update(key_share=True).execution_options(populate_existing=True)
    return await session.scalar(query)


async def find_by_email(session: AsyncSession, email: str) -> User | None:
    normalized = normalize_email(email)
    return await session.scalar(select(User).where(User.email_normalized == normalized, User.alive))


async def list_users(
    session: AsyncSession,
    pagination: PaginationParams,
    *,
    search: str | None = None,
    role: UserRole | None = None,
    is_active: bool | None = None,
) -> PaginatedResponse[UserResponse]:
    """Newest first; `search` matches part of the name or email."""
    filters = []
    if search:
        filters.append(or_(contains(User.name, search), contains(User.email, search)))
    if role is not None:
        filters.append(User.role == role)
    if is_active is not None:
        filters.append(User.is_active == is_active)
    return await USERS.page(session, pagination, *filters)


async def list_organizations(session: AsyncSession, user_id: UUID) -> list[UserOrganization]:
    """All organizations of the user, sorted by name."""
    rows = await session.execute(ORGANIZATIONS, {"user_id": user_id})
    return [UserOrganization.model_validate(row) for row in rows]


async def create(session: AsyncSession, passwords: Passwords, new: NewUser) -> User:
    user = await _prepare(passwords, new)
    session.add(user)
    await session.flush()
    audit.record(session, Action.USER_CREATED, user, role=user.role)
    return user


async def register(
    session: AsyncSession, passwords: Passwords, new: NewUser, *, enumeration_safe: bool
) -> Registration:
    """With `enumeration_safe`, a registered email raises no conflict and takes equally long."""
    if not enumeration_safe:
        return Registration(await create(session, passwords, new), created=True)
    user = await _prepare(passwords, new)
    try:
        async with session.begin_nested():
            session.add(user)
            await session.flush()
    except IntegrityError:
        return Registration(await find_by_email(session, new.email), created=False)
    audit.record(session, Action.USER_CREATED, user, role=user.role)
    return Registration(user, created=True)


async def update_me(session: AsyncSession, user: User, body: UserUpdateMe) -> User:
    for field, value in body.changes().items():
        setattr(user, field, value)
    audit.record_changes(session, Action.USER_UPDATED, user)
    await session.flush()
    return user


async def update(
    session: AsyncSession, user_id: UUID, body: UserUpdate, *, admin: User | None = None
) -> User:
    """Revoke the sessions of a changed user, so that a lost right takes effect immediately.
    Deactivation also revokes API keys; reactivation does not restore them."""
    _check_other(admin, user_id)
    admins = await _lock_admins(session)
    user = await get(session, user_id)
    for field, value in body.changes().items():
        setattr(user, field, value)
    _keep_an_admin(admins)
    audit.record_changes(session, Action.USER_UPDATED, user)
    if session.is_modified(user):
        await logins.revoke_all(session, user.id)
    if not user.is_active:
        await api_keys.revoke_all(session, user.id)
    await session.flush()
    return user


async def delete(session: AsyncSession, user_id: UUID, *, admin: User | None = None) -> None:
    """Free the email, revoke all sessions and API keys, and leave every organization."""
    _check_other(admin, user_id)
    admins = await _lock_admins(session)
    user = await get(session, user_id)
    await memberships.leave_all(session, user.id)
    user.deleted_at = utc_now()
    _keep_an_admin(admins)
    audit.record(session, Action.USER_DELETED, user)
    await session.flush()
    await logins.revoke_all(session, user.id)
    await api_keys.revoke_all(session, user.id)


def _check_other(admin: User | None, user_id: UUID) -> None:
    """Keep administrators from locking themselves out or deleting their account without a
    password."""
    if admin is not None and admin.id == user_id:
        raise Conflict("Ask another administrator to change your account")


async def _prepare(passwords: Passwords, new: NewUser) -> User:
    """Build the user before the first statement, so that no transaction is open while hashing."""
    password = new.password.get_secret_value()
    await passwords.check_new(password, email=new.email)
    return User(
        email=new.email,
        email_normalized=normalize_email(new.email),
        name=new.name,
        hashed_password=await passwords.hash(password),
        role=new.role,
        is_active=new.is_active,
        email_verified_at=utc_now() if new.verified else None,
    )


async def _lock_admins(session: AsyncSession) -> list[User]:
    """The active administrators, locked so that no two of them can remove each other."""
    rows = await session.scalars(
        select(User)
        .where(User.role == UserRole.ADMIN, User.enabled)
        .order_by(User.id)
        .with_for_update(key_share=True)
    )
    return list(rows)


def _keep_an_admin(admins: list[User]) -> None:
    """Check the changed objects: one of the former administrators must still be one."""
    if admins and not any(admin.role is UserRole.ADMIN and admin.enabled for admin in admins):
        raise Conflict("The last administrator cannot be removed, demoted or deactivated")
