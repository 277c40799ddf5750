from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import Field

from app.schemas.common import Input, Name, Patch, SafeStr, Schema, Slug

Description = Annotated[SafeStr, Field(max_length=2000)]


class ProjectCreate(Input):
    name: Name
    slug: Slug
    description: Description = ""


class ProjectUpdate(Patch):
    name: Name | None = None
    description: Description | None = None
    archived: bool | None = None


class ProjectResponse(Schema):
    id: UUID
    organization_id: UUID
    name: str
    slug: str
    description: str
    archived_at: datetime | None
    created_by: UUID | None
    created_at: datetime
    updated_at: datetime
