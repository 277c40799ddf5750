"""Pages of a list that grows: each begins after the last row of the one before (keyset)."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Generic, TypeVar
from uuid import UUID

from pydantic import BaseModel, Field

T = TypeVar("T")


@dataclass(frozen=True)
class Cursor:
    created_at: datetime
    id: UUID

    def encode(self) -> str:
        text = f"{self.created_at.isoformat()} {self.id.hex}"
        return urlsafe_b64encode(text.encode()).decode().rstrip("=")

    @classmethod
    def decode(cls, text: str) -> "Cursor":
        """Raises ValueError, or OverflowError for a moment outside the calendar."""
        padded = text + "=" * (-len(text) % 4)
        moment, _, key = urlsafe_b64decode(padded.encode("ascii")).decode().rpartition(" ")
        created_at = datetime.fromisoformat(moment)
        if created_at.tzinfo is None:
            raise ValueError("Without a time zone")
        return cls(created_at.astimezone(UTC), UUID(hex=key))


def valid_cursor(text: str) -> str:
    try:
        Cursor.decode(text)
    except (ValueError, OverflowError):
        raise ValueError("Take the next_cursor of the page before, unchanged") from None
    return text


class CursorPage(BaseModel, Generic[T]):
    data: list[T]
    next_cursor: str | None = Field(
        description="For the next page; null on the last one", examples=["MjAyNi0xMS0yNlQxMjowMA"]
    )
