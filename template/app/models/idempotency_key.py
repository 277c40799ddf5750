from datetime import datetime

from sqlalchemy import Index, LargeBinary, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.core.clock import utc_now
from app.db.base import Base, Identified


class IdempotencyKey(Identified, Base):
    """A request that created something, and its response, to be given again to the same request."""

    __tablename__ = "idempotency_keys"
    __table_args__ = (
        Index("ix_idempotency_keys_expires_at", "expires_at"),
        UniqueConstraint(
            "caller", "key", info={"conflict": "A request with this Idempotency-Key is under way"}
        ),
    )

    caller: Mapped[str] = mapped_column(String(36))
    """The user's id, or nothing for a request without a token."""
    key: Mapped[str] = mapped_column(String(255))
    fingerprint: Mapped[str] = mapped_column(String(64))
    """Of method, path and body; keyed, because a body may hold a password."""
    status: Mapped[int]
    body: Mapped[bytes] = mapped_column(LargeBinary)
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    expires_at: Mapped[datetime]
