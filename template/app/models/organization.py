from datetime import datetime

from sqlalchemy import Index, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.db.base import Base, Identified, Timestamped
from app.models.membership import Membership


class Organization(Identified, Timestamped, Base):
    """A tenant. Its owners are those of its members who have that role: there is no second place."""

    __tablename__ = "organizations"

    name: Mapped[str] = mapped_column(String(255))
    slug: Mapped[str] = mapped_column(String(100))
    deleted_at: Mapped[datetime | None]

    memberships: Mapped[list[Membership]] = relationship(
        back_populates="organization", lazy="raise"
    )

    __table_args__ = (
        Index(
            "uq_organizations_slug",
            slug,
            unique=True,
            sqlite_where=deleted_at.is_(None),
            postgresql_where=deleted_at.is_(None),
            info={"conflict": "Slug already taken"},
        ),
    )
