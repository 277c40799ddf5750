from datetime import datetime
from uuid import UUID

from pydantic import Field

from app.schemas.common import Schema


class SessionResponse(Schema):
    id: UUID
    created_at: datetime
    last_used_at: datetime = Field(description="When its tokens were last refreshed")
    expires_at: datetime
    address: str = Field(examples=["192.0.2.7"])
    user_agent: str = Field(description="As the client calls itself", examples=["Mozilla/5.0"])
    current: bool = Field(default=False, description="Whether this request belongs to it")
