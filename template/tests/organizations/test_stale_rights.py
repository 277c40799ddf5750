"""Rights are checked again under the lock, because they may change before it is taken."""

from collections.abc import Awaitable, Callable
from uuid import UUID

import pytest
from sqlalchemy import delete, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.clock import utc_now
from app.core.errors import Forbidden, NotFound
from app.core.roles import MemberRole
from app.models import Membership, Organization
from app.schemas.organization import MemberCreate, OrganizationUpdate
from app.services import memberships, organizations
from tests.support.factories import add_member, get_membership, make_member, make_user

Action = Callable[[AsyncSession, Membership, UUID], Awaitable[object]]


async def add(session: AsyncSession, actor: Membership, user_id: UUID) -> None:
    await memberships.add(session, actor, MemberCreate(user_id=user_id))


async def demote(session: AsyncSession, actor: Membership, user_id: UUID) -> None:
    await memberships.change_role(session, actor, user_id, MemberRole.VIEWER)


async def rename(session: AsyncSession, actor: Membership, _: UUID) -> None:
    await organizations.update(session, actor, OrganizationUpdate(name="Renamed"))


async def end(session: AsyncSession, actor: Membership, _: UUID) -> None:
    await organizations.delete(session, actor)


UNNOTICED = {"synchronize_session": False}
"""The session keeps the rows as it has read them."""
ON_MEMBERS: list[Action] = [add, demote, memberships.remove, memberships.transfer_ownership]


@pytest.fixture
async def actor(session: AsyncSession, organization: Organization) -> Membership:
    """An owner's membership, read before it changes."""
    user = await make_user(session)
    membership = await add_member(session, organization, user, MemberRole.OWNER)
    return await get_membership(session, organization.id, membership.user_id)


@pytest.fixture
async def member_id(session: AsyncSession, organization: Organization) -> UUID:
    return (await make_member(session, organization)).id


@pytest.mark.parametrize("action", [*ON_MEMBERS, end])
async def test_lost_role_is_checked_under_the_lock(
    action: Action, session: AsyncSession, actor: Membership, member_id: UUID
) -> None:
    change = update(Membership).where(Membership.id == actor.id)
    await session.execute(change.values(role=MemberRole.VIEWER), execution_options=UNNOTICED)

    with pytest.raises(Forbidden):
        await action(session, actor, member_id)


@pytest.mark.parametrize("action", [*ON_MEMBERS, end, rename])
async def test_removed_member_finds_nothing(
    action: Action, session: AsyncSession, actor: Membership, member_id: UUID
) -> None:
    await session.execute(
        delete(Membership).where(Membership.id == actor.id), execution_options=UNNOTICED
    )

    with pytest.raises(NotFound):
        await action(session, actor, member_id)


@pytest.mark.parametrize("action", [*ON_MEMBERS, end, rename])
async def test_deleted_organization_is_not_found(
    action: Action, session: AsyncSession, actor: Membership, member_id: UUID
) -> None:
    change = update(Organization).where(Organization.id == actor.organization_id)
    await session.execute(change.values(deleted_at=utc_now()), execution_options=UNNOTICED)

    with pytest.raises(NotFound):
        await action(session, actor, member_id)
