"""Access to a project's room, checked before a connection is accepted and while it is open."""

import asyncio
import math
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import and_, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.clock import utc_now
from app.core.errors import DATABASE_UNAVAILABLE, NotFound, Unavailable
from app.core.roles import MemberRole, Scope
from app.core.tokens import AccessClaims, KeyClaims
from app.db.session import Database
from app.models import Membership, Organization, Project
from app.services import auth

CHECK_SECONDS = 5
CONCURRENT_CHECKS = 4


class NotAMember(NotFound):
    """Reported as a missing project to a caller who has not joined its room."""


@dataclass(frozen=True)
class Access:
    user_id: UUID
    credential_id: UUID
    """The id of the session or the API key."""
    expires_at: datetime | None
    organization_id: UUID
    project_id: UUID
    name: str
    can_write: bool
    version: int
    """The authorizer's version when the check began."""

    def depends_on(self, row_id: UUID) -> bool:
        return row_id in {self.user_id, self.credential_id, self.organization_id, self.project_id}

    @property
    def seconds_left(self) -> float:
        if self.expires_at is None:
            return math.inf
        return (self.expires_at - utc_now()).total_seconds()


class Authorizer:
    """Check few connections at a time, to leave database connections for requests."""

    def __init__(self, database: Database) -> None:
        self.version = 0
        """Incremented with each change that may affect access."""
        self._database = database
        self._slots = asyncio.Semaphore(CONCURRENT_CHECKS)

    async def authorize(self, claims: AccessClaims | KeyClaims, project_id: UUID) -> Access:
        """Raise InvalidToken, Forbidden, NotFound, NotAMember or Unavailable."""
        version = self.version
        try:
            async with (
                asyncio.timeout(CHECK_SECONDS),
                self._slots,
                self._database.read() as session,
            ):
                caller = await auth.get_caller(session, claims)
                caller.require(Scope.READ)
                organization_id, role = await _find_membership(session, caller, project_id)
        except TimeoutError as error:
            raise Unavailable(DATABASE_UNAVAILABLE) from error
        return Access(
            user_id=caller.user.id,
            credential_id=caller.credential.id,
            expires_at=caller.expires_at,
            organization_id=organization_id,
            project_id=project_id,
            name=caller.user.name,
            can_write=role.rank >= MemberRole.MEMBER.rank and caller.has(Scope.WRITE),
            version=version,
        )


async def _find_membership(
    session: AsyncSession, caller: auth.Caller, project_id: UUID
) -> tuple[UUID, MemberRole]:
    own_membership = and_(
        Membership.organization_id == Project.organization_id,
        Membership.user_id == caller.user.id,
    )
    query = (
        select(Project.organization_id, Membership.role)
        .join(Organization, Organization.id == Project.organization_id)
        .outerjoin(Membership, own_membership)
        .where(Project.id == project_id, Organization.alive)
    )
    row = (await session.execute(query)).one_or_none()
    if row is None:
        raise NotFound("Project not found")
    if row.role is None or not caller.may_enter(row.organization_id):
        raise NotAMember("Project not found")
    return row.organization_id, row.role
