from datetime import datetime
from uuid import UUID

from sqlalchemy import JSON, ColumnElement, ForeignKey, String, and_, or_
from sqlalchemy.ext.hybrid import hybrid_property
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.core.clock import utc_now
from app.db.base import Base, Identified
from app.models.user import User


class ApiKey(Identified, Base):
    """A program's access in the name of `user`, and to one organization only where it names one."""

    __tablename__ = "api_keys"

    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    organization_id: Mapped[UUID | None] = mapped_column(
        ForeignKey("organizations.id", ondelete="CASCADE"), index=True
    )
    name: Mapped[str] = mapped_column(String(100))
    prefix: Mapped[str] = mapped_column(String(20))
    """The beginning of the key, by which its owner recognizes it."""
    key_hash: Mapped[str] = mapped_column(String(64), unique=True)
    scopes: Mapped[list[str]] = mapped_column(JSON)
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    expires_at: Mapped[datetime | None]
    last_used_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]

    user: Mapped[User] = relationship(lazy="raise")

    @hybrid_property
    def alive(self) -> bool:
        """Neither revoked nor expired."""
        in_time = self.expires_at is None or self.expires_at > utc_now()
        return in_time and self.revoked_at is None

    @alive.inplace.expression
    @classmethod
    def _alive(cls) -> ColumnElement[bool]:
        in_time = or_(cls.expires_at.is_(None), cls.expires_at > utc_now())
        return and_(cls.revoked_at.is_(None), in_time)
