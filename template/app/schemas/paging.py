"""Pages of a list, by number or after a cursor."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Generic, TypeVar
from uuid import UUID

from pydantic import BaseModel, Field

T = TypeVar("T")


class PaginationParams(BaseModel):
    page: int = 1
    limit: int = 20
    cursor: str | None = None
    counted: bool = True

    @property
    def offset(self) -> int:
        return 0 if self.cursor else (self.page - 1) * self.limit


@dataclass(frozen=True)
class Cursor:
    """The last row of a page, after which the next page begins (keyset pagination)."""

    moment: datetime
    id: UUID

    def encode(self) -> str:
        text = f"{self.moment.isoformat()} {self.id.hex}"
        return urlsafe_b64encode(text.encode()).decode().rstrip("=")

    @classmethod
    def decode(cls, text: str) -> "Cursor":
        """Raise ValueError, or OverflowError for a time outside the calendar."""
        padded = text + "=" * (-len(text) % 4)
        moment, _, key = urlsafe_b64decode(padded.encode("ascii")).decode().rpartition(" ")
        parsed = datetime.fromisoformat(moment)
        if parsed.tzinfo is None:
            raise ValueError("The time zone is missing")
        return cls(parsed.astimezone(UTC), UUID(hex=key))


def valid_cursor(text: str) -> str:
    try:
        Cursor.decode(text)
    except (ValueError, OverflowError):
        raise ValueError("Use the next_cursor of the previous page, unchanged") from None
    return text


class CursorPage(BaseModel, Generic[T]):
    data: list[T]
    next_cursor: str | None = Field(
        description="For the next page; null on the last page", examples=["MjAyNi0xMS0yNlQxMjowMA"]
    )


class PaginatedResponse(CursorPage[T], Generic[T]):
    total: int | None = Field(description="Null with `total=none` and after a cursor")
    page: int | None = Field(description="Null after a cursor")
    limit: int
    total_pages: int | None = Field(description="Null if `total` is")
    has_more: bool

    @classmethod
    def create(
        cls, page: CursorPage[T], total: int | None, pagination: PaginationParams
    ) -> "PaginatedResponse[T]":
        return cls(
            data=page.data,
            next_cursor=page.next_cursor,
            total=total,
            page=None if pagination.cursor else pagination.page,
            limit=pagination.limit,
            total_pages=None if total is None else -(-total // pagination.limit),
            has_more=page.next_cursor is not None,
        )
