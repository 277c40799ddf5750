from typing import Annotated
from uuid import UUID

from fastapi import Query

from app.api.callers import AdminAccess, MemberAccess, ViewerAccess
from app.api.deps import DB
from app.api.errors import problems
from app.api.idempotency import Idempotency
from app.api.paging import Pagination
from app.api.routing import Router
from app.models import Project
from app.schemas.paging import PaginatedResponse
from app.schemas.project import ProjectCreate, ProjectResponse, ProjectUpdate
from app.services import projects

router = Router(
    prefix="/organizations/{slug}/projects",
    tags=["projects"],
    responses=problems(401, 403, 404),
)


@router.get("/", summary="List projects")
async def list_projects(
    db: DB,
    access: ViewerAccess,
    pagination: Pagination,
    archived: Annotated[bool | None, Query(description="Filter by archived state")] = None,
) -> PaginatedResponse[ProjectResponse]:
    """The organization's projects, newest first."""
    return await projects.list_projects(db, access.organization_id, pagination, archived=archived)


@router.post(
    "/",
    summary="Create a project",
    status_code=201,
    response_model=ProjectResponse,
    responses=problems(409),
)
async def create_project(
    db: DB, access: MemberAccess, idempotency: Idempotency, body: ProjectCreate
) -> Project:
    """Create a project. Members and above.

    Its slug is unique in the organization and never changes.
    """
    return await projects.create(db, access, body)


@router.get("/{project_id}", summary="Read a project", response_model=ProjectResponse)
async def read_project(db: DB, access: ViewerAccess, project_id: UUID) -> Project:
    """One project of the organization. Viewers and above."""
    return await projects.get(db, access.organization_id, project_id)


@router.patch("/{project_id}", summary="Change a project", response_model=ProjectResponse)
async def update_project(
    db: DB, access: MemberAccess, project_id: UUID, body: ProjectUpdate
) -> Project:
    """Change a project; omitted fields keep their values. Members and above."""
    return await projects.update(db, access.organization_id, project_id, body)


@router.delete("/{project_id}", summary="Delete a project", status_code=204)
async def delete_project(db: DB, access: AdminAccess, project_id: UUID) -> None:
    """Delete the project permanently. Admins and owners only."""
    await projects.delete(db, access.organization_id, project_id)
