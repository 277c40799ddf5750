"""Every model, so that one import makes the metadata complete."""

from app.models.membership import Membership
from app.models.organization import Organization
from app.models.project import Project
from app.models.session import RefreshToken, UserSession
from app.models.user import User

# isort: split
# Your own models go below this line.

__all__ = [
    "Membership",
    "Organization",
    "Project",
    "RefreshToken",
    "User",
    "UserSession",
]
