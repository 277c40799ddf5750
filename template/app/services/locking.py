"""Row locks that serialize changes. To avoid deadlocks, every change locks the user first, then
the organization, then the rows that belong to it."""

from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.errors import InvalidToken, NotFound
from app.models import Organization, User


async def lock_user(session: AsyncSession, user_id: UUID) -> None:
    """Raise InvalidToken if the user has been deactivated or deleted."""
    active = select(User.id).where(User.id == user_id, User.enabled)
    if await session.scalar(active.with_for_update()) is None:
        raise InvalidToken


async def lock_organization(session: AsyncSession, organization_id: UUID) -> None:
    """Raise NotFound if the organization has been deleted."""
    alive = select(Organization.id).where(Organization.id == organization_id, Organization.alive)
    if await session.scalar(alive.with_for_update()) is None:
        raise NotFound("Organization not found")
