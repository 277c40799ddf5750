"""The vocabulary of the other schemas: base classes and problems."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, field_validator
from pydantic.json_schema import JsonSchemaValue


class Schema(BaseModel):
    model_config = ConfigDict(from_attributes=True)


class Input(BaseModel):
    """A request body; unknown fields are refused, not ignored."""

    model_config = ConfigDict(extra="forbid")


def _without_null(schema: JsonSchemaValue) -> None:
    for field in schema["properties"].values():
        field |= field.pop("anyOf")[0] | field
        del field["default"]


class Patch(Input):
    """A partial update: an omitted field keeps its value. All default to None; null is refused."""

    model_config = ConfigDict(json_schema_extra=_without_null)

    @field_validator("*", mode="before")
    @classmethod
    def _refuse_null(cls, value: object) -> object:
        if value is None:
            raise ValueError("Omit the field to keep its value; null is not allowed")
        return value

    def changes(self) -> dict[str, Any]:
        return self.model_dump(exclude_unset=True)


class Accepted(Schema):
    detail: Literal["A mail says how to go on"] = "A mail says how to go on"


class FieldProblem(BaseModel):
    field: str
    detail: str


class Problem(BaseModel):
    """An error (RFC 9457); `errors` names the fields of a 422."""

    type: str
    title: str
    status: int
    detail: str
    instance: str
    request_id: str
    errors: list[FieldProblem] | None = None
