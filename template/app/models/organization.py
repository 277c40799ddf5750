from sqlalchemy import Index, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.db.base import Base, Identified, SoftDeleted, Timestamped
from app.db.dialect import partial
from app.models.membership import Membership


class Organization(Identified, Timestamped, SoftDeleted, Base):
    """A tenant. Its owners are its memberships with that role; there is no owner column."""

    __tablename__ = "organizations"
    __table_args__ = (
        Index(
            "uq_organizations_slug",
            "slug",
            unique=True,
            **partial("deleted_at IS NULL"),
            info={"conflict": "Slug already taken"},
        ),
    )

    name: Mapped[str] = mapped_column(String(255))
    slug: Mapped[str] = mapped_column(String(100))

    memberships: Mapped[list[Membership]] = relationship(
        back_populates="organization", lazy="raise"
    )
