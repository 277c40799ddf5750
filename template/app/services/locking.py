"""Rows that changes lock, so that they happen one after the other: in all of them first the user,
then the organization, then what belongs to it. Another order would be a deadlock."""

from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.errors import InvalidToken, NotFound
from app.models import Organization, User


async def lock_user(session: AsyncSession, user_id: UUID) -> None:
    """Raises InvalidToken if the user has been deactivated or deleted."""
    active = select(User.id).where(User.id == user_id, User.enabled)
    if await session.scalar(active.with_for_update()) is None:
        raise InvalidToken


async def lock_organization(session: AsyncSession, organization_id: UUID) -> None:
    """Raises NotFound if it has been deleted."""
    alive = select(Organization.id).where(Organization.id == organization_id, Organization.alive)
    if await session.scalar(alive.with_for_update()) is None:
        raise NotFound("Organization not found")
