"""Pages of a list: numbered ones, and cursors for a list that grows."""

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


@dataclass(frozen=True)
class Cursor:
    """The last row of a page, after which the next page begins (keyset pagination)."""

    created_at: datetime
    id: UUID

    def encode(self) -> str:
        text = f"{self.created_at.isoformat()} {self.id.hex}"
        return urlsafe_b64encode(text.encode()).decode().rstrip("=")

    @classmethod
    def decode(cls, text: str) -> "Cursor":
        """Raise ValueError, or OverflowError for a time outside the calendar."""
        padded = text + "=" * (-len(text) % 4)
        moment, _, key = urlsafe_b64decode(padded.encode("ascii")).decode().rpartition(" ")
        created_at = datetime.fromisoformat(moment)
        if created_at.tzinfo is None:
            raise ValueError("The time zone is missing")
        return cls(created_at.astimezone(UTC), UUID(hex=key))


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
