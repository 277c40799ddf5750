"""The vocabulary of the other schemas: base classes, checked strings, pages and problems."""

import unicodedata
from typing import Annotated, Any, Generic, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    EmailStr,
    StringConstraints,
    model_validator,
)

T = TypeVar("T")

MAX_EMAIL = 255
SLUG_PATTERN = r"^[a-z0-9]+(-[a-z0-9]+)*$"


class Schema(BaseModel):
    model_config = ConfigDict(from_attributes=True)


class Input(BaseModel):
    """A request body: a field that nobody asked for is refused, not ignored."""

    model_config = ConfigDict(extra="forbid")


class Patch(Input):
    """A partial update: a field left out stays. All default to None, yet null is refused."""

    @model_validator(mode="before")
    @classmethod
    def _refuse_null(cls, data: object) -> object:
        if isinstance(data, dict) and None in data.values():
            raise ValueError("Leave a field out to keep it; null is not a value")
        return data

    def changes(self) -> dict[str, Any]:
        return self.model_dump(exclude_unset=True)


def _printable(value: str) -> str:
    """Refuses NUL, which databases cannot store, and what else would garble a terminal."""
    if any(unicodedata.category(char) == "Cc" and char not in "\n\t" for char in value):
        raise ValueError("Control characters are not allowed")
    return unicodedata.normalize("NFC", value)


def _one_line(value: str) -> str:
    if "\n" in value or "\t" in value:
        raise ValueError("Line breaks and tabs are not allowed")
    return value


SafeStr = Annotated[str, AfterValidator(_printable)]
Line = Annotated[SafeStr, AfterValidator(_one_line)]
Name = Annotated[Line, StringConstraints(strip_whitespace=True, min_length=2, max_length=100)]
LongName = Annotated[Line, StringConstraints(strip_whitespace=True, min_length=2, max_length=255)]
Slug = Annotated[str, StringConstraints(min_length=2, max_length=100, pattern=SLUG_PATTERN)]


def normalize_email(email: str) -> str:
    """The form in which two spellings of one address are equal."""
    return unicodedata.normalize("NFKC", email).strip().lower()


def _storable(email: str) -> str:
    if len(normalize_email(email)) > MAX_EMAIL:
        raise ValueError(f"An e-mail has at most {MAX_EMAIL} characters")
    return email


Email = Annotated[EmailStr, AfterValidator(_storable)]


class PaginationParams(BaseModel):
    page: int = 1
    limit: int = 20

    @property
    def offset(self) -> int:
        return (self.page - 1) * self.limit


class PaginatedResponse(BaseModel, Generic[T]):
    data: list[T]
    total: int
    page: int
    limit: int
    total_pages: int
    has_more: bool

    @classmethod
    def create(
        cls, data: list[T], total: int, pagination: PaginationParams
    ) -> "PaginatedResponse[T]":
        total_pages = -(-total // pagination.limit)
        return cls(
            data=data,
            total=total,
            page=pagination.page,
            limit=pagination.limit,
            total_pages=total_pages,
            has_more=pagination.page < total_pages,
        )


class FieldProblem(BaseModel):
    field: str
    detail: str


class Problem(BaseModel):
    """RFC 9457."""

    type: str
    title: str
    status: int
    detail: str
    instance: str
    request_id: str
    errors: list[FieldProblem] | None = None
