"""Who belongs to an organization: every change takes the organization's lock and judges anew.

Two requests at once therefore see one another, and the last owner stays.
"""

from uuid import UUID

from sqlalchemy import delete, func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased, joinedload

from app.core.errors import Conflict, Forbidden, NotFound
from app.core.roles import MemberRole, may_grant, may_manage
from app.models import Membership, Organization, User
from app.schemas.common import PaginationParams, normalize_email
from app.schemas.organization import MemberCreate

NOT_ALLOWED = "Insufficient permissions"
LAST_OWNER = "An organization needs an owner: transfer the ownership first"


async def list_members(
    session: AsyncSession, organization_id: UUID, pagination: PaginationParams
) -> tuple[list[Membership], int]:
    """One page with the members' users, those of longest standing first, and the total."""
    in_organization = Membership.organization_id == organization_id
    total = await session.scalar(select(func.count(Membership.id)).where(in_organization))
    rows = await session.scalars(
        select(Membership)
        .options(joinedload(Membership.user))
        .where(in_organization)
        .order_by(Membership.joined_at, Membership.id)
        .offset(pagination.offset)
        .limit(pagination.limit)
    )
    return list(rows), total or 0


async def add(session: AsyncSession, actor: Membership, body: MemberCreate) -> Membership:
    actor = await _lock(session, actor)
    if not may_grant(actor.role, body.role):
        raise Forbidden(NOT_ALLOWED)
    query = select(User).where(User.deleted_at.is_(None), User.is_active)
    if body.email:
        query = query.where(User.email_normalized == normalize_email(body.email))
    else:
        query = query.where(User.id == body.user_id)
    user = await session.scalar(query)
    if user is None:
        raise NotFound("User not found")
    member = Membership(user=user, organization_id=actor.organization_id, role=body.role)
    session.add(member)
    await session.flush()
    return member


async def change_role(
    session: AsyncSession, actor: Membership, user_id: UUID, role: MemberRole
) -> Membership:
    actor = await _lock(session, actor)
    member = await _get(session, actor.organization_id, user_id)
    if not may_manage(actor.role, member.role, role):
        raise Forbidden(NOT_ALLOWED)
    if role is not MemberRole.OWNER:
        await _keep_an_owner(session, member)
    member.role = role
    await session.flush()
    return member


async def remove(session: AsyncSession, actor: Membership, user_id: UUID) -> None:
    """Anybody may remove himself; others only as `may_manage` says."""
    actor = await _lock(session, actor)
    member = await _get(session, actor.organization_id, user_id)
    if member is not actor and not may_manage(actor.role, member.role):
        raise Forbidden(NOT_ALLOWED)
    await _keep_an_owner(session, member)
    await session.delete(member)
    await session.flush()


async def transfer_ownership(session: AsyncSession, actor: Membership, user_id: UUID) -> Membership:
    """The member becomes owner and the caller admin; returns the caller's membership."""
    actor = await _lock(session, actor)
    member = await _get(session, actor.organization_id, user_id)
    if actor.role is not MemberRole.OWNER:
        raise Forbidden(NOT_ALLOWED)
    if member is actor:
        raise Conflict("You own this organization already")
    member.role = MemberRole.OWNER
    actor.role = MemberRole.ADMIN
    await session.flush()
    return actor


async def leave_all(session: AsyncSession, user_id: UUID) -> None:
    """Raises Conflict, with their slugs, if organizations would be left without an owner."""
    owned = await session.scalars(
        select(Organization)
        .join(Organization.memberships)
        .where(
            Membership.user_id == user_id,
            Membership.role == MemberRole.OWNER,
            Organization.deleted_at.is_(None),
        )
        .order_by(Organization.id)
        .with_for_update(of=Organization)
    )
    organizations = {organization.id: organization.slug for organization in owned}
    other = aliased(Membership)
    shared = await session.scalars(
        select(other.organization_id).where(
            other.organization_id.in_(organizations),
            other.role == MemberRole.OWNER,
            other.user_id != user_id,
        )
    )
    alone = sorted(organizations[key] for key in organizations.keys() - set(shared))
    if alone:
        raise Conflict(f"The user is the only owner of: {', '.join(alone)}")
    await session.execute(delete(Membership).where(Membership.user_id == user_id))


async def _lock(session: AsyncSession, actor: Membership) -> Membership:
    """The actor's membership as it is once the organization is locked."""
    await session.execute(
        select(Organization.id).where(Organization.id == actor.organization_id).with_for_update()
    )
    return await _get(session, actor.organization_id, actor.user_id)


async def _get(session: AsyncSession, organization_id: UUID, user_id: UUID) -> Membership:
    member = await session.scalar(
        select(Membership)
        .join(Membership.organization)
        .options(joinedload(Membership.user))
        .where(
            Membership.organization_id == organization_id,
            Membership.user_id == user_id,
            Organization.deleted_at.is_(None),
        )
        .execution_options(populate_existing=True)
    )
    if member is None:
        raise NotFound("Member not found")
    return member


async def _keep_an_owner(session: AsyncSession, member: Membership) -> None:
    """Raises Conflict if nobody but `member` owns the organization."""
    if member.role is not MemberRole.OWNER:
        return
    others = await session.scalar(
        select(func.count(Membership.id)).where(
            Membership.organization_id == member.organization_id,
            Membership.role == MemberRole.OWNER,
            Membership.id != member.id,
        )
    )
    if not others:
        raise Conflict(LAST_OWNER)
