"""Every model, so that one import makes the metadata complete."""

from app.models.api_key import ApiKey
from app.models.audit_event import AuditEvent
from app.models.idempotency_key import IdempotencyKey
from app.models.invitation import Invitation
from app.models.membership import Membership
from app.models.one_time_token import OneTimeToken
from app.models.organization import Organization
from app.models.project import Project
from app.models.session import RefreshToken, UserSession
from app.models.user import User

# isort: split
# Your own models go below this line.

__all__ = [
    "ApiKey",
    "AuditEvent",
    "IdempotencyKey",
    "Invitation",
    "Membership",
    "OneTimeToken",
    "Organization",
    "Project",
    "RefreshToken",
    "User",
    "UserSession",
]
