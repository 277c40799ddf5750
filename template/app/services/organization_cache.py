"""A cache of `organizations.details`: an entry is dropped when its organization changes."""

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.cache import Cache
from app.core.redis import SharedRedis
from app.db.changes import Change
from app.models import Membership, Organization
from app.schemas.organization import OrganizationResponse
from app.services import organizations

MAX_AGE_SECONDS = 60
"""How long other processes may serve a stale value if Redis was unavailable for a change."""


class OrganizationCache:
    def __init__(self, redis: SharedRedis) -> None:
        self._cache = Cache(redis, "organization", OrganizationResponse, seconds=MAX_AGE_SECONDS)

    async def details(self, session: AsyncSession, membership: Membership) -> OrganizationResponse:
        """Only for requests that do not write: `session` may begin a new transaction."""

        async def load() -> OrganizationResponse:
            await session.close()  # its snapshot may be out of date
            return await organizations.details(session, membership)

        organization = await self._cache.get(str(membership.organization_id), load)
        # Members share the entry; only the role differs.
        return organization.model_copy(update={"role": membership.role})

    async def drop_changed(self, changes: list[Change]) -> None:
        """Drop what a commit has changed; a listener for `WatchedDatabase.watch`."""
        changed = {
            change.row.id if isinstance(change.row, Organization) else change.row.organization_id
            for change in changes
            if isinstance(change.row, Organization | Membership)
        }
        if changed:
            await self._cache.drop(*map(str, changed))
