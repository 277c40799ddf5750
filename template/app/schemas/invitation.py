from datetime import datetime
from uuid import UUID

from pydantic import Field

from app.core.roles import MemberRole
from app.schemas.common import Input, Schema
from app.schemas.strings import Email, OneTimeToken


class InvitationCreate(Input):
    email: Email
    role: MemberRole = MemberRole.MEMBER


class InvitationAccept(Input):
    token: OneTimeToken


class InvitationResponse(Schema):
    id: UUID
    organization_id: UUID
    email: str = Field(examples=["ada@example.com"])
    role: MemberRole
    invited_by: UUID | None
    created_at: datetime
    expires_at: datetime
