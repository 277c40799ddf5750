"""Organizations, as their members see them; to everyone else they do not exist."""

from typing import Any
from uuid import UUID

from sqlalchemy import Select, bindparam, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Bundle, aliased

from app.core.clock import utc_now
from app.core.errors import Forbidden, NotFound
from app.core.roles import MemberRole
from app.models import Membership, Organization, User
from app.schemas.organization import OrganizationCreate, OrganizationResponse, OrganizationUpdate
from app.schemas.paging import PaginatedResponse, PaginationParams
from app.services import audit
from app.services.audit import Action
from app.services.locking import lock_organization, lock_user
from app.services.paging import Listing, Order


def _select_details() -> Select[Any]:
    """The fields of OrganizationResponse for each organization of the user `user_id`."""
    member = aliased(Membership)
    owner = (
        select(member.user_id)
        .where(member.organization_id == Organization.id, member.role == MemberRole.OWNER)
        .order_by(member.joined_at, member.id)
        .limit(1)
    )
    shown: Bundle[Any] = Bundle(
        "shown",
        Organization.id,
        Organization.name,
        Organization.slug,
        Organization.created_at,
        Organization.updated_at,
        Membership.role,
        Organization.member_count,
        owner.scalar_subquery().label("owner_id"),
    )
    return (
        select(shown)
        .join(Membership, Membership.organization_id == Organization.id)
        .where(Membership.user_id == bindparam("user_id"), Organization.alive)
    )


OF_USER = Listing(
    _select_details(), OrganizationResponse, Order(Organization.created_at, Organization.id)
)
DETAILS = _select_details().where(Organization.id == bindparam("organization_id"))


async def details(session: AsyncSession, membership: Membership) -> OrganizationResponse:
    """Raise NotFound if the organization was deleted, or the member left, during the request."""
    ids = {"user_id": membership.user_id, "organization_id": membership.organization_id}
    row = await session.scalar(DETAILS, ids)
    if row is None:
        raise NotFound("Organization not found")
    return OrganizationResponse.model_validate(row)


async def list_for_user(
    session: AsyncSession, user_id: UUID, pagination: PaginationParams
) -> PaginatedResponse[OrganizationResponse]:
    """Newest first."""
    return await OF_USER.page(session, pagination, user_id=user_id)


async def create(
    session: AsyncSession, user: User, body: OrganizationCreate
) -> OrganizationResponse:
    """Create the organization and its first membership: the user becomes the owner."""
    await lock_user(session, user.id)
    organization = Organization(name=body.name, slug=body.slug)
    owner = Membership(user_id=user.id, organization=organization, role=MemberRole.OWNER)
    session.add(owner)
    await session.flush()
    audit.record(session, Action.ORGANIZATION_CREATED, organization)
    return await details(session, owner)


async def update(
    session: AsyncSession, membership: Membership, body: OrganizationUpdate
) -> OrganizationResponse:
    organization = membership.organization
    for field, value in body.changes().items():
        setattr(organization, field, value)
    audit.record_changes(session, Action.ORGANIZATION_UPDATED, organization)
    await session.flush()
    return await details(session, membership)


async def delete(session: AsyncSession, owner: Membership) -> None:
    """Mark the organization as deleted, which hides all it contains and frees the slug.

    Raise Forbidden or NotFound if the membership is no longer an owner's.
    """
    await lock_organization(session, owner.organization_id)
    organization = owner.organization
    if (await details(session, owner)).role is not MemberRole.OWNER:
        raise Forbidden
    organization.deleted_at = utc_now()
    audit.record(session, Action.ORGANIZATION_DELETED, organization)
    await session.flush()


async def owned_alone(session: AsyncSession, user_id: UUID) -> dict[UUID, str]:
    """The slugs, by id, of the organizations whose only owner is the user."""
    other = aliased(Membership)
    shared = select(other.id).where(
        other.organization_id == Organization.id,
        other.role == MemberRole.OWNER,
        other.user_id != user_id,
    )
    rows = await session.execute(
        select(Organization.id, Organization.slug)
        .join(Organization.memberships)
        .where(
            Membership.user_id == user_id,
            Membership.role == MemberRole.OWNER,
            Organization.alive,
            ~shared.exists(),
        )
        .order_by(Organization.slug)
    )
    return {row.id: row.slug for row in rows}
