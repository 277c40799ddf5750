"""Who may be in a project's room: asked before a socket is accepted, and again while it is open."""

import asyncio
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import and_, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.errors import NotFound
from app.core.roles import MemberRole
from app.core.tokens import AccessClaims
from app.db.session import Database
from app.models import Membership, Organization, Project, User
from app.services import auth

CONCURRENT_CHECKS = 4


class NotAMember(NotFound):
    """To a newcomer the same as a project that does not exist."""


@dataclass(frozen=True)
class Access:
    user_id: UUID
    session_id: UUID
    organization_id: UUID
    project_id: UUID
    name: str
    role: MemberRole
    version: int
    """Of the authorizer, when this was asked for."""

    def depends_on(self, row_id: UUID) -> bool:
        return row_id in {self.user_id, self.session_id, self.organization_id, self.project_id}


class Authorizer:
    """Checks few sockets at a time: when a whole room asks, requests still get a connection."""

    def __init__(self, database: Database) -> None:
        self.version = 0
        """Grows with each change that may have changed an access."""
        self._database = database
        self._turns = asyncio.Semaphore(CONCURRENT_CHECKS)

    async def authorize(self, claims: AccessClaims, project_id: UUID) -> Access:
        """Raises InvalidToken or Forbidden for the user, NotFound or NotAMember for the project."""
        version = self.version
        async with self._turns, self._database.read() as session:
            user = await auth.get_user(session, claims)
            organization_id, role = await _find_membership(session, user, project_id)
        return Access(
            user_id=user.id,
            session_id=claims.session_id,
            organization_id=organization_id,
            project_id=project_id,
            name=user.name,
            role=role,
            version=version,
        )


async def _find_membership(
    session: AsyncSession, user: User, project_id: UUID
) -> tuple[UUID, MemberRole]:
    own_membership = and_(
        Membership.organization_id == Project.organization_id, Membership.user_id == user.id
    )
    query = (
        select(Project.organization_id, Membership.role)
        .join(Organization, Organization.id == Project.organization_id)
        .outerjoin(Membership, own_membership)
        .where(Project.id == project_id, Organization.deleted_at.is_(None))
    )
    row = (await session.execute(query)).one_or_none()
    if row is None:
        raise NotFound("Project not found")
    if row.role is None:
        raise NotAMember("Project not found")
    return row.organization_id, row.role
