from typing import Annotated
from uuid import UUID

from fastapi import Query

from app.api.callers import AdminAccess, AdminUser
from app.api.deps import DB
from app.api.errors import problems
from app.api.paging import After, Limit
from app.api.routing import Router
from app.schemas.audit import AuditEventResponse
from app.schemas.paging import CursorPage
from app.services import audit
from app.services.audit import Action

router = Router(tags=["audit"], responses=problems(401, 403))

OfAction = Annotated[Action | None, Query(description="Only events with this action")]
OfActor = Annotated[UUID | None, Query(description="Only events caused by this user")]


@router.get("/audit", summary="Read the audit log")
async def read_audit_log(
    db: DB,
    admin: AdminUser,
    limit: Limit = 50,
    cursor: After = None,
    action: OfAction = None,
    actor_id: OfActor = None,
) -> CursorPage[AuditEventResponse]:
    """Changes on the whole platform and who made them, newest first. Administrators only."""
    return await audit.list_events(db, cursor=cursor, limit=limit, action=action, actor_id=actor_id)


@router.get(
    "/organizations/{slug}/audit",
    summary="Read an organization's audit log",
    responses=problems(404),
)
async def read_organization_audit_log(
    db: DB,
    access: AdminAccess,
    limit: Limit = 50,
    cursor: After = None,
    action: OfAction = None,
    actor_id: OfActor = None,
) -> CursorPage[AuditEventResponse]:
    """Changes in the organization and who made them, newest first. Admins and owners only."""
    return await audit.list_events(
        db,
        cursor=cursor,
        limit=limit,
        organization_id=access.organization_id,
        action=action,
        actor_id=actor_id,
    )
