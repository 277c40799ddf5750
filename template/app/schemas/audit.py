from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import Field

from app.schemas.common import Schema


class AuditEventResponse(Schema):
    id: UUID
    created_at: datetime
    action: str = Field(examples=["member.role_changed"])
    actor_id: UUID | None = Field(description="The user; null for the command line")
    api_key_id: UUID | None = Field(description="The API key that was used, if any")
    organization_id: UUID | None
    target_type: str = Field(examples=["memberships"])
    target_id: UUID
    details: dict[str, Any] = Field(examples=[{"role": ["member", "admin"]}])
    address: str = Field(examples=["192.0.2.7"])
    request_id: str = Field(examples=["5f0c9c9a-3c1e-4f0e-9d5b-0b8f4f9a4c11"])
