"""The JSON events that clients send to a project's room and receive from it."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Literal
from uuid import UUID, uuid4

from pydantic import Field, TypeAdapter, ValidationError
from pydantic_core import from_json

from app.core.clock import utc_now
from app.schemas.common import Input, Schema
from app.schemas.project import ProjectResponse
from app.schemas.strings import SafeStr


class ErrorCode(StrEnum):
    BINARY = "binary"
    FORBIDDEN = "forbidden"
    INVALID_EVENT = "invalid_event"
    INVALID_JSON = "invalid_json"
    RATE_LIMITED = "rate_limited"


class Post(Input):
    type: Literal["message"]
    text: Annotated[SafeStr, Field(min_length=1, max_length=4000)]


class Ping(Input):
    type: Literal["ping"]


ClientEvent = Post | Ping

_client_event: TypeAdapter[ClientEvent] = TypeAdapter(
    Annotated[ClientEvent, Field(discriminator="type")]
)


def read_event(text: str) -> ClientEvent | ErrorCode:
    try:
        return _client_event.validate_python(from_json(text, allow_inf_nan=False))
    except ValidationError:
        return ErrorCode.INVALID_EVENT
    except ValueError:
        return ErrorCode.INVALID_JSON


class Present(Schema):
    user_id: UUID
    name: str


class Ready(Schema):
    type: Literal["ready"] = "ready"
    project_id: UUID
    user_id: UUID
    expires_at: datetime | None
    present: list[Present]


class Pong(Schema):
    type: Literal["pong"] = "pong"


class Message(Schema):
    type: Literal["message"] = "message"
    id: UUID = Field(default_factory=uuid4)
    user_id: UUID
    name: str
    text: str
    sent_at: datetime = Field(default_factory=utc_now)


class PresenceJoined(Present):
    type: Literal["presence.joined"] = "presence.joined"
    at: datetime = Field(default_factory=utc_now)


class PresenceLeft(Present):
    type: Literal["presence.left"] = "presence.left"
    at: datetime = Field(default_factory=utc_now)


class ProjectEvent(Schema):
    type: Literal["project.created", "project.updated", "project.archived", "project.restored"]
    project: ProjectResponse


class ProjectDeleted(Schema):
    type: Literal["project.deleted"] = "project.deleted"
    project_id: UUID


class Error(Schema):
    type: Literal["error"] = "error"
    code: ErrorCode
    detail: str


RoomEvent = Annotated[Message | ProjectEvent | ProjectDeleted, Field(discriminator="type")]
"""An event that is published in a room; the others go to one client."""
