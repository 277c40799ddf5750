from datetime import datetime
from uuid import UUID

from pydantic import Field, StrictBool

from app.core.roles import UserRole
from app.schemas.common import Input, Patch, Schema
from app.schemas.strings import Email, Name, NewPassword


class UserCreate(Input):
    """A user created by an administrator, who also sets `role` and `is_active`."""

    email: Email
    name: Name
    password: NewPassword
    role: UserRole = UserRole.USER
    is_active: StrictBool = True


class UserUpdate(Patch):
    role: UserRole | None = None
    is_active: StrictBool | None = None


class UserResponse(Schema):
    id: UUID
    email: str = Field(examples=["ada@example.com"])
    name: str = Field(examples=["Ada Lovelace"])
    role: UserRole
    is_active: bool
    email_verified_at: datetime | None
    created_at: datetime
    updated_at: datetime
