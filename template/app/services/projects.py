"""Projects. Every query is restricted to one organization."""

from uuid import UUID

from sqlalchemy import bindparam, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.clock import utc_now
from app.core.errors import NotFound
from app.models import Membership, Project
from app.schemas.paging import PaginatedResponse, PaginationParams
from app.schemas.project import ProjectCreate, ProjectResponse, ProjectUpdate
from app.services import audit
from app.services.audit import Action
from app.services.paging import Listing, Order

PROJECTS = Listing(
    select(Project).where(Project.organization_id == bindparam("organization_id")),
    ProjectResponse,
    Order(Project.created_at, Project.id),
)


async def list_projects(
    session: AsyncSession,
    organization_id: UUID,
    pagination: PaginationParams,
    *,
    archived: bool | None = None,
) -> PaginatedResponse[ProjectResponse]:
    """Newest first."""
    filters = []
    if archived is not None:
        is_archived = Project.archived_at.is_not(None)
        filters.append(is_archived if archived else ~is_archived)
    return await PROJECTS.page(session, pagination, *filters, organization_id=organization_id)


async def get(
    session: AsyncSession, organization_id: UUID, project_id: UUID, *, lock: bool = False
) -> Project:
    """Pass `lock` to change the row, so that concurrent changes are serialized."""
    query = select(Project).where(
        Project.id == project_id, Project.organization_id == organization_id
    )
    project = await session.scalar(query.with_for_update() if lock else query)
    if project is None:
        raise NotFound("Project not found")
    return project


async def create(session: AsyncSession, author: Membership, body: ProjectCreate) -> Project:
    project = Project(
        organization_id=author.organization_id,
        created_by=author.user_id,
        name=body.name,
        slug=body.slug,
        description=body.description,
    )
    session.add(project)
    await session.flush()
    audit.record(session, Action.PROJECT_CREATED, project)
    return project


async def update(
    session: AsyncSession, organization_id: UUID, project_id: UUID, body: ProjectUpdate
) -> Project:
    """Archiving an archived project keeps its first `archived_at`."""
    project = await get(session, organization_id, project_id, lock=True)
    changes = body.changes()
    if (archived := changes.pop("archived", None)) is not None:
        project.archived_at = (project.archived_at or utc_now()) if archived else None
    for field, value in changes.items():
        setattr(project, field, value)
    audit.record_changes(session, Action.PROJECT_UPDATED, project)
    await session.flush()
    return project


async def delete(session: AsyncSession, organization_id: UUID, project_id: UUID) -> None:
    project = await get(session, organization_id, project_id, lock=True)
    await session.delete(project)
    audit.record(session, Action.PROJECT_DELETED, project)
    await session.flush()
