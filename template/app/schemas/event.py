"""The events of a project's room, as JSON: what clients send, and what the service sends."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field, TypeAdapter, ValidationError
from pydantic_core import from_json

from app.schemas.common import Input, Schema
from app.schemas.project import ProjectResponse
from app.schemas.strings import SafeStr


class ErrorCode(StrEnum):
    BINARY = "binary"
    FORBIDDEN = "forbidden"
    INVALID_EVENT = "invalid_event"
    INVALID_JSON = "invalid_json"
    RATE_LIMITED = "rate_limited"


class EventError(Exception):
    def __init__(self, code: ErrorCode) -> None:
        super().__init__(code)
        self.code = code


class Say(Input):
    type: Literal["message"]
    text: Annotated[SafeStr, Field(min_length=1, max_length=4000)]


class Ping(Input):
    type: Literal["ping"]


ClientEvent = Annotated[Say | Ping, Field(discriminator="type")]

_client_event: TypeAdapter[Say | Ping] = TypeAdapter(ClientEvent)


def read_event(text: str) -> Say | Ping:
    """Raises EventError, whatever is wrong with the text."""
    try:
        return _client_event.validate_python(from_json(text, allow_inf_nan=False))
    except ValidationError:
        raise EventError(ErrorCode.INVALID_EVENT) from None
    except ValueError:
        raise EventError(ErrorCode.INVALID_JSON) from None


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
    id: UUID
    user_id: UUID
    name: str
    text: str
    sent_at: datetime


class PresenceJoined(Present):
    type: Literal["presence.joined"] = "presence.joined"
    at: datetime


class PresenceLeft(Present):
    type: Literal["presence.left"] = "presence.left"
    at: datetime


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


RoomEvent = Message | ProjectEvent | ProjectDeleted
"""What is published into a room; the rest is between the service and one client."""
