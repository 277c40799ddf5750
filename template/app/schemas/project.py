import re
import unicodedata
from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import Field, StrictBool, model_validator

from app.schemas.common import Input, Patch, Schema
from app.schemas.strings import Composed, Name, Printable, Slug

Description = Annotated[
    str, Field(max_length=2000, examples=["To the moon and back."]), Composed, Printable
]


def make_slug(name: str) -> str:
    """Join the Latin letters and digits of a name: `Été 2026!` becomes `ete-2026`."""
    latin = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    return "-".join(re.findall("[a-z0-9]+", latin.lower()))


class ProjectCreate(Input):
    name: Name = Field(examples=["Apollo"])
    slug: Slug | None = Field(
        default=None, description="Derived from the name if omitted", examples=["apollo"]
    )
    description: Description = ""

    @model_validator(mode="after")
    def _fill_slug(self) -> "ProjectCreate":
        if self.slug is None:
            self.slug = make_slug(self.name)
            if not 2 <= len(self.slug) <= 100:
                raise ValueError("No slug can be made from this name; provide one")
        return self


class ProjectUpdate(Patch):
    name: Name | None = Field(default=None, examples=["Apollo"])
    description: Description | None = None
    archived: StrictBool | None = Field(default=None, description="true archives, false restores")


class ProjectResponse(Schema):
    id: UUID
    organization_id: UUID
    name: str = Field(examples=["Apollo"])
    slug: str = Field(examples=["apollo"])
    description: str = Field(examples=["To the moon and back."])
    archived_at: datetime | None
    created_by: UUID | None
    created_at: datetime
    updated_at: datetime
