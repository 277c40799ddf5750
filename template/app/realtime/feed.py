"""What is committed over HTTP, or by a task, told to the rooms: database changes become events."""

from app.db.changes import Change, Kind
from app.models import ApiKey, Login, Membership, Organization, Project, User
from app.realtime.hub import Hub
from app.schemas.event import ProjectDeleted, ProjectEvent
from app.schemas.project import ProjectResponse


class Feed:
    def __init__(self, hub: Hub) -> None:
        self._hub = hub

    async def tell(self, changes: list[Change]) -> None:
        for change in changes:
            if isinstance(change.row, Project):
                self._tell_room(change, change.row)
        for change in changes:
            if change.kind is not Kind.CREATED:
                self._recheck(change)

    def _tell_room(self, change: Change, project: Project) -> None:
        for event in _events(change, project):
            if change.kind is Kind.CREATED:
                # Nobody can be in its room yet: those of the other projects hear of it.
                self._hub.announce(project.organization_id, event)
            else:
                self._hub.publish(project.id, event)

    def _recheck(self, change: Change) -> None:
        match change.row:
            case Project(id=row_id) if change.kind is Kind.DELETED:
                self._hub.recheck(row_id)
            case Organization(id=row_id) if (
                "deleted_at" in change.columns or change.kind is Kind.DELETED
            ):
                self._hub.recheck(row_id)
            case Membership(user_id=row_id) | User(id=row_id) | Login(id=row_id):
                self._hub.recheck(row_id)
            case ApiKey(id=row_id) if "revoked_at" in change.columns:
                self._hub.recheck(row_id)


def _events(change: Change, project: Project) -> list[ProjectEvent | ProjectDeleted]:
    if change.kind is Kind.DELETED:
        return [ProjectDeleted(project_id=project.id)]
    response = ProjectResponse.model_validate(project)
    if change.kind is Kind.CREATED:
        return [ProjectEvent(type="project.created", project=response)]
    events: list[ProjectEvent | ProjectDeleted] = []
    if change.columns - {"archived_at", "updated_at"}:
        events.append(ProjectEvent(type="project.updated", project=response))
    if "archived_at" in change.columns:
        kind = "project.archived" if project.archived_at else "project.restored"
        events.append(ProjectEvent(type=kind, project=response))
    return events
