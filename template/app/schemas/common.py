"""The base classes of all schemas, and problem documents."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, field_validator
from pydantic.json_schema import JsonSchemaValue


class Schema(BaseModel):
    model_config = ConfigDict(from_attributes=True)


class Input(BaseModel):
    """A request body; unknown fields are rejected, not ignored."""

    model_config = ConfigDict(extra="forbid")


def _without_null(schema: JsonSchemaValue) -> None:
    for field in schema["properties"].values():
        field |= field.pop("anyOf")[0] | field
        del field["default"]


class Patch(Input):
    """A partial update: omitted fields keep their values. All default to None; null is rejected."""

    model_config = ConfigDict(json_schema_extra=_without_null)

    @field_validator("*", mode="before")
    @classmethod
    def _reject_null(cls, value: object) -> object:
        if value is None:
            raise ValueError("Omit the field to keep its value; null is not allowed")
        return value

    def changes(self) -> dict[str, Any]:
        return self.model_dump(exclude_unset=True)


class Accepted(Schema):
    detail: Literal["Check your email for further instructions"] = (
        "Check your email for further instructions"
    )


class FieldProblem(BaseModel):
    field: str
    detail: str


class Problem(BaseModel):
    """An error (RFC 9457); `errors` lists the invalid fields of a 422."""

    type: str
    title: str
    status: int
    detail: str
    instance: str
    request_id: str
    errors: list[FieldProblem] | None = None
