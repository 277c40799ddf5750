from datetime import datetime

from sqlalchemy import Index, LargeBinary, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.core.clock import utc_now
from app.db.base import Base, Identified


class IdempotencyKey(Identified, Base):
    """A request that created something, and the response that a repeated request gets."""

    __tablename__ = "idempotency_keys"
    __table_args__ = (
        Index("ix_idempotency_keys_expires_at", "expires_at"),
        UniqueConstraint(
            "caller",
            "key",
            info={"conflict": "A request with this Idempotency-Key is already in progress"},
        ),
    )

    caller: Mapped[str] = mapped_column(String(36))
    """The user's id, or empty for a request without a token."""
    key: Mapped[str] = mapped_column(String(255))
    fingerprint: Mapped[str] = mapped_column(String(64))
    """An HMAC of the request, because its body may hold a password."""
    status: Mapped[int]
    body: Mapped[bytes] = mapped_column(LargeBinary)
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    expires_at: Mapped[datetime]
