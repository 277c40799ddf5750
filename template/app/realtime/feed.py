"""Turn committed database changes into room events and access checks."""

from app.db.changes import Change, Kind
from app.models import ApiKey, Login, Membership, Organization, Project, User
from app.realtime.hub import Hub
from app.schemas.event import ProjectDeleted, ProjectEvent, RoomEvent
from app.schemas.project import ProjectResponse


async def publish_changes(hub: Hub, changes: list[Change]) -> None:
    for change in changes:
        if isinstance(change.row, Project):
            _publish_events(hub, change, change.row)
    for change in changes:
        if change.kind is not Kind.CREATED:
            _recheck(hub, change)


def _publish_events(hub: Hub, change: Change, project: Project) -> None:
    for event in _events(change, project):
        if change.kind is Kind.CREATED:  # its own room is still empty
            hub.publish_to_organization(project.organization_id, event)
        else:
            hub.publish(project.id, event)


def _recheck(hub: Hub, change: Change) -> None:
    deleted = change.kind is Kind.DELETED
    match change.row:
        case Project(id=row_id) if deleted:
            hub.recheck(row_id)
        case Organization(id=row_id) if deleted or "deleted_at" in change.columns:
            hub.recheck(row_id)
        case Membership(user_id=row_id) | User(id=row_id) | Login(id=row_id):
            hub.recheck(row_id)
        case ApiKey(id=row_id) if "revoked_at" in change.columns:
            hub.recheck(row_id)


def _events(change: Change, project: Project) -> list[RoomEvent]:
    if change.kind is Kind.DELETED:
        return [ProjectDeleted(project_id=project.id)]
    response = ProjectResponse.model_validate(project)
    if change.kind is Kind.CREATED:
        return [ProjectEvent(type="project.created", project=response)]
    events: list[RoomEvent] = []
    if change.columns - {"archived_at", "updated_at"}:
        events.append(ProjectEvent(type="project.updated", project=response))
    if "archived_at" in change.columns:
        kind = "project.archived" if project.archived_at else "project.restored"
        events.append(ProjectEvent(type=kind, project=response))
    return events
