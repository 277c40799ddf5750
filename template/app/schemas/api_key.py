from datetime import datetime, timedelta
from typing import Annotated
from uuid import UUID

from pydantic import AfterValidator, AwareDatetime, Field

from app.core.clock import utc_now
from app.core.roles import Scope
from app.schemas.common import Input, Schema
from app.schemas.strings import Name

LONGEST_LIFE = timedelta(days=366)


def _in_the_next_year(moment: datetime) -> datetime:
    now = utc_now()
    if not now < moment <= now + LONGEST_LIFE:
        raise ValueError("Choose a time in the future, at most one year ahead")
    return moment


class ApiKeyCreate(Input):
    name: Annotated[Name, Field(description="What the key is for", examples=["Nightly backup"])]
    scopes: set[Scope] = Field(
        {Scope.READ},
        min_length=1,
        description="`read` for GET and HEAD, `write` for other methods; administrator "
        "operations also require `admin`",
    )
    expires_at: Annotated[AwareDatetime, AfterValidator(_in_the_next_year)] | None = Field(
        None, description="If omitted, the key is valid until it is revoked"
    )


class ApiKeyResponse(Schema):
    id: UUID
    name: str = Field(examples=["Nightly backup"])
    prefix: str = Field(description="The first characters of the key", examples=["ak_XXXXXXXX"])
    scopes: list[Scope]
    user_id: UUID = Field(description="The user that the key acts as")
    organization_id: UUID | None = Field(description="The only organization it can access, if any")
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None = Field(description="Accurate to the minute")


class ApiKeyCreated(ApiKeyResponse):
    key: str = Field(
        description="The key itself, which is shown only once",
        examples=["ak_XXXXXXXX..."],
        repr=False,
    )
