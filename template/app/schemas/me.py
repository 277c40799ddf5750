"""The requests and responses of `/users/me`, the caller's own account."""

from datetime import datetime
from uuid import UUID

from pydantic import Field, SecretStr, ValidationInfo, field_validator

from app.core.roles import MemberRole
from app.schemas.common import Input, Patch, Schema
from app.schemas.organization import OrganizationSummary
from app.schemas.strings import Email, Name, NewPassword, Password
from app.schemas.user import UserResponse


class UserUpdateMe(Patch):
    name: Name | None = None


class AccountDeletion(Input):
    password: Password


class EmailChange(Input):
    email: Email
    password: Password


class PasswordChange(Input):
    current_password: Password
    new_password: NewPassword

    @field_validator("new_password")
    @classmethod
    def _differ(cls, value: SecretStr, info: ValidationInfo) -> SecretStr:
        if value == info.data.get("current_password"):
            raise ValueError("The new password must differ from the current one")
        return value


class UserOrganization(OrganizationSummary):
    """One of the user's organizations, with their role in it."""

    role: MemberRole


class UserWithOrganizations(UserResponse):
    organizations: list[UserOrganization]


class SessionResponse(Schema):
    id: UUID
    created_at: datetime
    last_used_at: datetime = Field(description="When its tokens were last refreshed")
    expires_at: datetime
    address: str = Field(examples=["192.0.2.7"])
    user_agent: str = Field(description="The client's User-Agent", examples=["Mozilla/5.0"])
    current: bool = Field(default=False, description="Whether this request uses the session")
