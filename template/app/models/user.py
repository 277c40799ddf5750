from datetime import datetime

from sqlalchemy import Index, String
from sqlalchemy.ext.hybrid import hybrid_property
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.core.roles import UserRole
from app.db.base import Base, Identified, SoftDeleted, Timestamped
from app.db.dialect import partial
from app.db.types import str_enum
from app.models.membership import Membership

ALIVE = partial("deleted_at IS NULL")


class User(Identified, Timestamped, SoftDeleted, Base):
    """An account. Deleting it frees the email."""

    __tablename__ = "users"
    __table_args__ = (
        Index("ix_users_created_at_id", "created_at", "id", **ALIVE),
        Index("ix_users_is_active_created_at_id", "is_active", "created_at", "id", **ALIVE),
        Index("ix_users_role_created_at_id", "role", "created_at", "id", **ALIVE),
        Index(
            "uq_users_email_normalized",
            "email_normalized",
            unique=True,
            **ALIVE,
            info={"conflict": "Email already registered"},
        ),
    )

    email: Mapped[str] = mapped_column(String(255))
    email_normalized: Mapped[str] = mapped_column(String(255))
    name: Mapped[str] = mapped_column(String(100))
    hashed_password: Mapped[str] = mapped_column(String(255))
    role: Mapped[UserRole] = mapped_column(str_enum(UserRole, "role"), default=UserRole.USER)
    is_active: Mapped[bool] = mapped_column(default=True)
    email_verified_at: Mapped[datetime | None]

    memberships: Mapped[list[Membership]] = relationship(back_populates="user", lazy="raise")

    @hybrid_property
    def enabled(self) -> bool:
        """Neither deleted nor deactivated."""
        return self.is_active & self.alive
