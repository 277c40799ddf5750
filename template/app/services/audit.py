"""The audit log: who changed what, from where, noted in the transaction of the change itself."""

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import inspect
from sqlalchemy.ext.asyncio import AsyncSession

from app.db.base import Identified
from app.models import AuditEvent

ORIGIN = "origin"


class Action(StrEnum):
    """What is noted; each value is `<what>.<happened>`."""

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
    """Where the changes of a session come from; all of it is empty on the command line."""

    actor_id: UUID | None = None
    api_key_id: UUID | None = None
    address: str = ""
    request_id: str = ""


def get_origin(session: AsyncSession) -> Origin:
    origin: Origin = session.info.get(ORIGIN, Origin())
    return origin


def set_origin(session: AsyncSession, **fields: Any) -> None:
    """Fields that are not given keep their values."""
    session.info[ORIGIN] = replace(get_origin(session), **fields)


def record(
    session: AsyncSession,
    action: Action,
    target: Identified,
    *,
    organization_id: UUID | None = None,
    **details: Any,
) -> None:
    """Call it after the flush that gave `target` its id. `details` are JSON, and no secrets."""
    origin = get_origin(session)
    session.add(
        AuditEvent(
            action=action,
            actor_id=origin.actor_id,
            api_key_id=origin.api_key_id,
            organization_id=organization_id,
            target_type=str(inspect(target).mapper.local_table),
            target_id=target.id,
            details=details,
            address=origin.address,
            request_id=origin.request_id,
        )
    )
