"""Organizations as `organization.details` finds them, remembered until one of them changes."""

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.cache import Cache
from app.core.redis import SharedRedis
from app.db.changes import Change
from app.models import Membership, Organization
from app.schemas.organization import OrganizationResponse
from app.services import organizations

MAX_AGE_SECONDS = 60
"""How long another process may serve an old value, if Redis was away when a row changed."""


class OrganizationCache:
    def __init__(self, redis: SharedRedis) -> None:
        self._cache = Cache(redis, "organization", OrganizationResponse, seconds=MAX_AGE_SECONDS)

    async def details(self, session: AsyncSession, membership: Membership) -> OrganizationResponse:
        """For requests that only read: `session` may begin a new transaction."""

        async def load() -> OrganizationResponse:
            await session.close()  # what its transaction sees may have changed meanwhile
            return await organizations.details(session, membership)

        organization = await self._cache.get(str(membership.organization_id), load)
        # Of all members it is the same, but for the role.
        return organization.model_copy(update={"role": membership.role})

    async def drop_changed(self, changes: list[Change]) -> None:
        """To watch the database with."""
        changed = {
            change.row.id if isinstance(change.row, Organization) else change.row.organization_id
            for change in changes
            if isinstance(change.row, Organization | Membership)
        }
        if changed:
            await self._cache.drop(*map(str, changed))
