from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.core.clock import utc_now
from app.db.base import Base, Identified
from app.db.types import str_enum
from app.models.user import User


class Purpose(StrEnum):
    CHANGE_EMAIL = "change_email"
    RESET_PASSWORD = "reset_password"
    VERIFY_EMAIL = "verify_email"


class OneTimeToken(Identified, Base):
    """A token sent by email and stored as a hash: proof that its holder controls `email`."""

    __tablename__ = "one_time_tokens"

    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    purpose: Mapped[Purpose] = mapped_column(str_enum(Purpose, "purpose"))
    email: Mapped[str] = mapped_column(String(255))
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]

    user: Mapped[User] = relationship(lazy="raise")
