from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from sqlalchemy import ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.core.clock import utc_now
from app.core.roles import MemberRole
from app.db.base import Base, Identified
from app.db.types import str_enum

if TYPE_CHECKING:
    from app.models.organization import Organization
    from app.models.user import User


class Membership(Identified, Base):
    __tablename__ = "memberships"
    __table_args__ = (
        Index("ix_memberships_organization_id_joined_at_id", "organization_id", "joined_at", "id"),
        Index(
            "ix_memberships_organization_id_role_joined_at_id",
            "organization_id",
            "role",
            "joined_at",
            "id",
        ),
        UniqueConstraint(
            "user_id",
            "organization_id",
            name="uq_user_org",
            info={"conflict": "The user is already a member"},
        ),
    )

    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    organization_id: Mapped[UUID] = mapped_column(
        ForeignKey("organizations.id", ondelete="CASCADE")
    )
    role: Mapped[MemberRole] = mapped_column(
        str_enum(MemberRole, "role"), default=MemberRole.MEMBER
    )
    joined_at: Mapped[datetime] = mapped_column(default=utc_now)

    user: Mapped["User"] = relationship(back_populates="memberships", lazy="raise")
    organization: Mapped["Organization"] = relationship(back_populates="memberships", lazy="raise")
