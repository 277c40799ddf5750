"""Every model, so that one import completes the metadata."""

from app.models.api_key import ApiKey as ApiKey
from app.models.audit_event import AuditEvent as AuditEvent
from app.models.idempotency_key import IdempotencyKey as IdempotencyKey
from app.models.invitation import Invitation as Invitation
from app.models.login import Login as Login
from app.models.login import RefreshToken as RefreshToken
from app.models.membership import Membership as Membership
from app.models.one_time_token import OneTimeToken as OneTimeToken
from app.models.organization import Organization as Organization
from app.models.project import Project as Project
from app.models.user import User as User

# isort: split
# Your own models go below this line.
