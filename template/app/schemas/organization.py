from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import AfterValidator, AliasPath, Field

from app.core.roles import MemberRole
from app.schemas.common import Input, Patch, Schema
from app.schemas.reserved_slugs import RESERVED_SLUGS
from app.schemas.strings import LongName, Slug


def _not_reserved(slug: str) -> str:
    if slug in RESERVED_SLUGS:
        raise ValueError("This slug is reserved")
    return slug


class OrganizationCreate(Input):
    name: LongName
    slug: Annotated[Slug, AfterValidator(_not_reserved)]


class OrganizationUpdate(Patch):
    name: LongName | None = None


class OrganizationSummary(Schema):
    id: UUID
    name: str = Field(examples=["Acme Corporation"])
    slug: str = Field(examples=["acme"])


class OrganizationResponse(OrganizationSummary):
    owner_id: UUID = Field(description="The longest-standing owner, if there are several")
    member_count: int
    role: MemberRole = Field(description="The caller's own role")
    created_at: datetime
    updated_at: datetime


class OwnershipTransfer(Input):
    user_id: UUID = Field(description="The member who becomes an owner")


class MemberCreate(Input):
    user_id: UUID = Field(description="An existing user; invite others by email")
    role: MemberRole = MemberRole.MEMBER


class MemberUpdate(Input):
    role: MemberRole


class MemberResponse(Schema):
    user_id: UUID
    organization_id: UUID
    role: MemberRole
    joined_at: datetime
    name: str = Field(validation_alias=AliasPath("user", "name"), examples=["Ada Lovelace"])
    email: str = Field(validation_alias=AliasPath("user", "email"), examples=["ada@example.com"])
