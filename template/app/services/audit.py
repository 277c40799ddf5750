"""The audit log: who changed what and from where, recorded in the change's transaction."""

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any
from uuid import UUID

from pydantic_core import to_jsonable_python
from sqlalchemy import inspect, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.db.base import Identified, changed_columns
from app.models import AuditEvent, Organization
from app.schemas.audit import AuditEventResponse
from app.schemas.paging import CursorPage
from app.services.paging import Listing, Order

EVENTS = Listing(
    select(AuditEvent), AuditEventResponse, Order(AuditEvent.created_at, AuditEvent.id)
)
ORIGIN = "origin"


class Action(StrEnum):
    """Every recorded action, as `<resource>.<event>`."""

    API_KEY_CREATED = "api_key.created"
    API_KEY_REVOKED = "api_key.revoked"
    EMAIL_CHANGE_REQUESTED = "user.email_change_requested"
    EMAIL_CHANGED = "user.email_changed"
    EMAIL_VERIFIED = "user.email_verified"
    INVITATION_ACCEPTED = "invitation.accepted"
    INVITATION_CREATED = "invitation.created"
    INVITATION_REVOKED = "invitation.revoked"
    MEMBER_ADDED = "member.added"
    MEMBER_REMOVED = "member.removed"
    MEMBER_ROLE_CHANGED = "member.role_changed"
    ORGANIZATION_CREATED = "organization.created"
    ORGANIZATION_DELETED = "organization.deleted"
    ORGANIZATION_UPDATED = "organization.updated"
    OWNERSHIP_TRANSFERRED = "organization.ownership_transferred"
    PASSWORD_CHANGED = "user.password_changed"
    PASSWORD_RESET = "user.password_reset"
    PROJECT_CREATED = "project.created"
    PROJECT_DELETED = "project.deleted"
    PROJECT_UPDATED = "project.updated"
    SESSION_REVOKED = "session.revoked"
    SESSION_STARTED = "session.started"
    SESSION_STOLEN = "session.stolen"
    USER_CREATED = "user.created"
    USER_DELETED = "user.deleted"
    USER_UPDATED = "user.updated"
    # Your own actions go below this line.


@dataclass(frozen=True)
class Origin:
    """Where a session's changes come from; every field is empty on the command line."""

    actor_id: UUID | None = None
    api_key_id: UUID | None = None
    address: str = ""
    request_id: str = ""


VALUES = {"archived_at", "is_active", "role"}
"""Columns recorded with their values; others may hold data that must be erasable."""


def set_origin(session: AsyncSession, **fields: Any) -> None:
    """Update the origin of the session's changes; omitted fields keep their values."""
    session.info[ORIGIN] = replace(_origin(session), **fields)


async def list_events(
    session: AsyncSession,
    *,
    cursor: str | None,
    limit: int,
    organization_id: UUID | None = None,
    action: Action | None = None,
    actor_id: UUID | None = None,
) -> CursorPage[AuditEventResponse]:
    """Newest first."""
    conditions = [
        column == value
        for column, value in (
            (AuditEvent.organization_id, organization_id),
            (AuditEvent.action, action),
            (AuditEvent.actor_id, actor_id),
        )
        if value is not None
    ]
    return await EVENTS.after(session, cursor, limit, *conditions)


def record(session: AsyncSession, action: Action, target: Identified, **details: Any) -> None:
    """Call after the flush that sets the ids of `target`. `details` is JSON without secrets."""
    session.add(
        AuditEvent(
            action=action,
            organization_id=_organization_id(target),
            target_type=str(inspect(target).mapper.local_table),
            target_id=target.id,
            details=details,
            **vars(_origin(session)),
        )
    )


def record_changes(session: AsyncSession, action: Action, row: Identified, **details: Any) -> None:
    """Record which columns have changed, if any. Call before the flush."""
    changes = {
        name: to_jsonable_python([*history.deleted, *history.added]) if name in VALUES else None
        for name, history in changed_columns(row).items()
    }
    if changes:
        record(session, action, row, changes=changes, **details)


def _origin(session: AsyncSession) -> Origin:
    origin: Origin = session.info.get(ORIGIN, Origin())
    return origin


def _organization_id(row: Identified) -> UUID | None:
    """The organization that the row is or belongs to, if any."""
    return row.id if isinstance(row, Organization) else getattr(row, "organization_id", None)
