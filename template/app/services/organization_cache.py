"""Organizations as `organization.details` finds them, remembered until one of them changes."""

from redis.asyncio import Redis
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.cache import Cache
from app.core.config import Settings
from app.db.changes import Change, WatchedDatabase
from app.models import Membership, Organization
from app.schemas.organization import OrganizationResponse
from app.services import organization as organizations


class OrganizationCache:
    def __init__(self, settings: Settings, redis: Redis, database: WatchedDatabase) -> None:
        self._cache = Cache(
            redis, "organization", OrganizationResponse, seconds=settings.CACHE_SECONDS
        )
        database.watch(self._drop_changed)

    async def details(self, session: AsyncSession, membership: Membership) -> OrganizationResponse:
        """Only the role differs between the members."""
        organization = await self._cache.get(
            str(membership.organization_id), lambda: organizations.details(session, membership)
        )
        return organization.model_copy(update={"role": membership.role})

    async def _drop_changed(self, changes: list[Change]) -> None:
        changed = {
            change.row.id if isinstance(change.row, Organization) else change.row.organization_id
            for change in changes
            if isinstance(change.row, Organization | Membership)
        }
        await self._cache.drop(*map(str, changed))
