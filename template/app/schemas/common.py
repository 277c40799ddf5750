"""The vocabulary of the other schemas: base classes, checked strings, pages and problems."""

import unicodedata
from typing import Annotated, Any, Generic, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    EmailStr,
    Field,
    SecretStr,
    StringConstraints,
    field_validator,
)
from pydantic.json_schema import JsonSchemaValue

T = TypeVar("T")

MAX_EMAIL = 255
SLUG_PATTERN = r"^[a-z0-9]+(-[a-z0-9]+)*$"


class Schema(BaseModel):
    model_config = ConfigDict(from_attributes=True)


class Input(BaseModel):
    """A request body: a field that nobody asked for is refused, not ignored."""

    model_config = ConfigDict(extra="forbid")


def _without_null(schema: JsonSchemaValue) -> None:
    for field in schema["properties"].values():
        field |= field.pop("anyOf")[0]
        del field["default"]


class Patch(Input):
    """A partial update: a field left out stays. All default to None, yet null is refused."""

    model_config = ConfigDict(json_schema_extra=_without_null)

    @field_validator("*", mode="before")
    @classmethod
    def _refuse_null(cls, value: object) -> object:
        if value is None:
            raise ValueError("Leave the field out to keep it; null is not a value")
        return value

    def changes(self) -> dict[str, Any]:
        return self.model_dump(exclude_unset=True)


def _composed(value: object) -> object:
    """One form for what looks the same; before the length is judged, because it may change it."""
    return unicodedata.normalize("NFC", value) if isinstance(value, str) else value


def _printable(value: str) -> str:
    """Refuses NUL, which databases cannot store, and what else would garble a terminal."""
    if any(unicodedata.category(char) == "Cc" and char not in "\n\t" for char in value):
        raise ValueError("Control characters are not allowed")
    return value


def _one_line(value: str) -> str:
    if "\n" in value or "\t" in value:
        raise ValueError("Line breaks and tabs are not allowed")
    return _printable(value)


Composed = BeforeValidator(_composed)
Printable = AfterValidator(_printable)
OneLine = AfterValidator(_one_line)

SafeStr = Annotated[str, Composed, Printable]
Name = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=2, max_length=100),
    Composed,
    OneLine,
    Field(examples=["Ada Lovelace"]),
]
LongName = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=2, max_length=255),
    Composed,
    OneLine,
    Field(examples=["Acme Corporation"]),
]
Slug = Annotated[
    str,
    StringConstraints(min_length=2, max_length=100, pattern=SLUG_PATTERN),
    Field(examples=["acme"]),
]


def normalize_email(email: str) -> str:
    """The form in which two spellings of one address are equal."""
    return unicodedata.normalize("NFKC", email).strip().lower()


def _bare(email: object) -> object:
    if isinstance(email, str) and "<" in email:
        raise ValueError("Write the address alone, without a name")
    return email


def _storable(email: str) -> str:
    if len(normalize_email(email)) > MAX_EMAIL:
        raise ValueError(f"An e-mail has at most {MAX_EMAIL} characters")
    return email


Email = Annotated[
    EmailStr,
    BeforeValidator(_bare),
    AfterValidator(_storable),
    Field(examples=["ada@example.com"]),
]


def _encodable(secret: SecretStr) -> SecretStr:
    """Pydantic looks for lone surrogates in every string but these."""
    try:
        secret.get_secret_value().encode()
    except UnicodeEncodeError:
        raise ValueError("Lone surrogates are not allowed") from None
    return secret


Secret = Annotated[SecretStr, AfterValidator(_encodable)]


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
