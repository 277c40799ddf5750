"""Memberships: every change locks the organization before it checks the rules.

Concurrent changes therefore see each other and cannot remove the last owner.
"""

from uuid import UUID

from sqlalchemy import bindparam, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import joinedload, selectinload

from app.core.clock import utc_now
from app.core.errors import Conflict, Forbidden, NotFound
from app.core.roles import MemberRole, may_grant, may_manage
from app.models import Invitation, Membership, Organization, User
from app.schemas.organization import MemberCreate, MemberResponse
from app.schemas.paging import PaginatedResponse, PaginationParams
from app.services import api_keys, audit, organizations
from app.services.audit import Action
from app.services.locking import lock_organization
from app.services.paging import Listing, Order

OF_ORGANIZATION = select(Membership).where(
    Membership.organization_id == bindparam("organization_id")
)
OLDEST = Order(Membership.joined_at, Membership.id, oldest_first=True)
MEMBERS = Listing(OF_ORGANIZATION.options(joinedload(Membership.user)), MemberResponse, OLDEST)
MEMBERS_FURTHER = Listing(
    OF_ORGANIZATION.options(selectinload(Membership.user)), MemberResponse, OLDEST
)
"""A join would also read the users of the rows that an offset skips."""


async def list_members(
    session: AsyncSession, organization_id: UUID, pagination: PaginationParams
) -> PaginatedResponse[MemberResponse]:
    """Oldest membership first."""
    members = MEMBERS_FURTHER if pagination.offset else MEMBERS
    return await members.page(session, pagination, organization_id=organization_id)


async def add(session: AsyncSession, actor: Membership, body: MemberCreate) -> Membership:
    user = await _find_user(session, body.user_id)
    actor = await lock(session, actor)
    if not may_grant(actor.role, body.role):
        raise Forbidden
    if user is None:
        raise NotFound("User not found")
    member = Membership(user=user, organization_id=actor.organization_id, role=body.role)
    session.add(member)
    await session.flush()
    audit.record(
        session, Action.MEMBER_ADDED, member, user_id=str(member.user_id), role=member.role
    )
    await _close_invitations(session, member)
    return member


async def change_role(
    session: AsyncSession, actor: Membership, user_id: UUID, role: MemberRole
) -> Membership:
    actor = await lock(session, actor)
    member = await _get(session, actor.organization_id, user_id)
    if not (may_manage(actor.role, member.role) and may_grant(actor.role, role)):
        raise Forbidden
    if role is MemberRole.OWNER:
        _check_active(member)
    else:
        await _keep_an_owner(session, member)
    member.role = role
    audit.record_changes(session, Action.MEMBER_ROLE_CHANGED, member, user_id=str(member.user_id))
    await session.flush()
    return member


async def remove(session: AsyncSession, actor: Membership, user_id: UUID) -> None:
    """Remove a member. Members may remove themselves; for others, `may_manage` decides."""
    actor = await lock(session, actor)
    member = await _get(session, actor.organization_id, user_id)
    if member is not actor and not may_manage(actor.role, member.role):
        raise Forbidden
    await _keep_an_owner(session, member)
    await session.delete(member)
    audit.record(session, Action.MEMBER_REMOVED, member, user_id=str(member.user_id))
    await _close_invitations(session, member)
    await api_keys.revoke_all(session, member.user_id, organization_id=member.organization_id)


async def transfer_ownership(session: AsyncSession, actor: Membership, user_id: UUID) -> Membership:
    """Make the member an owner and the actor an admin. Return the actor's membership."""
    actor = await lock(session, actor)
    if actor.role is not MemberRole.OWNER:
        raise Forbidden
    member = await _get(session, actor.organization_id, user_id)
    if member is actor:
        raise Conflict("You already own this organization")
    _check_active(member)
    member.role = MemberRole.OWNER
    actor.role = MemberRole.ADMIN
    audit.record(session, Action.OWNERSHIP_TRANSFERRED, member, user_id=str(member.user_id))
    await session.flush()
    return actor


async def leave_all(session: AsyncSession, user_id: UUID) -> None:
    """Raise Conflict, listing the slugs, if organizations would be left without an owner."""
    await session.execute(select(User.id).where(User.id == user_id).with_for_update())
    mine = select(Membership.organization_id).where(Membership.user_id == user_id)
    await session.execute(
        select(Organization.id)
        .where(Organization.id.in_(mine))
        .order_by(Organization.id)
        .with_for_update()
    )
    if alone := await organizations.owned_alone(session, user_id):
        raise Conflict(f"The user is the only owner of: {', '.join(alone.values())}")
    for membership in await session.scalars(
        select(Membership).where(Membership.user_id == user_id)
    ):
        await session.delete(membership)
        audit.record(session, Action.MEMBER_REMOVED, membership, user_id=str(user_id))
    await session.flush()


async def has_email(session: AsyncSession, organization_id: UUID, email: str) -> bool:
    """Return whether a member has this normalized address."""
    query = (
        select(Membership.id)
        .join(Membership.user)
        .where(Membership.organization_id == organization_id, User.email_normalized == email)
    )
    return await session.scalar(query) is not None


async def _find_user(session: AsyncSession, user_id: UUID) -> User | None:
    """Lock the user, who could otherwise be deleted before becoming a member."""
    return await session.scalar(
        select(User).where(User.id == user_id, User.enabled).with_for_update(read=True)
    )


async def _close_invitations(session: AsyncSession, member: Membership) -> None:
    """Revoke open invitations, so that a removed member cannot rejoin with an old one."""
    for invitation in await session.scalars(
        select(Invitation).where(
            Invitation.organization_id == member.organization_id,
            Invitation.email_normalized == member.user.email_normalized,
            Invitation.open(),
        )
    ):
        invitation.revoked_at = utc_now()
        audit.record(session, Action.INVITATION_REVOKED, invitation)


async def lock(session: AsyncSession, actor: Membership) -> Membership:
    """Lock the organization and return the actor's current membership."""
    await lock_organization(session, actor.organization_id)
    return await _get(session, actor.organization_id, actor.user_id)


async def _get(session: AsyncSession, organization_id: UUID, user_id: UUID) -> Membership:
    """Reload the membership, which may have been read before the lock, with its user."""
    member = await session.scalar(
        select(Membership)
        .options(joinedload(Membership.user))
        .where(Membership.organization_id == organization_id, Membership.user_id == user_id)
        .execution_options(populate_existing=True)
    )
    if member is None:
        raise NotFound("Member not found")
    return member


def _check_active(member: Membership) -> None:
    """Prevent an owner who cannot log in."""
    if not member.user.is_active:
        raise Conflict("The member's account is not active")


async def _keep_an_owner(session: AsyncSession, member: Membership) -> None:
    if member.organization_id in await organizations.owned_alone(session, member.user_id):
        raise Conflict("An organization needs an owner; transfer ownership first")
