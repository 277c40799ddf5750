from typing import Any

from sqlalchemy import Connection, Index, String, event, update
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

    member_count: Mapped[int] = mapped_column(default=0)
    """Maintained in the database when a membership is inserted or deleted as an object. A loaded
    organization keeps the old value; a bulk statement on memberships would bypass the count."""

    memberships: Mapped[list[Membership]] = relationship(
        back_populates="organization", lazy="raise"
    )


@event.listens_for(Membership, "after_insert")
def _count_in(_: Any, connection: Connection, membership: Membership) -> None:
    _count(connection, membership, 1)


@event.listens_for(Membership, "after_delete")
def _count_out(_: Any, connection: Connection, membership: Membership) -> None:
    _count(connection, membership, -1)


def _count(connection: Connection, membership: Membership, change: int) -> None:
    """The database adds, so that no concurrent change is lost."""
    connection.execute(
        update(Organization)
        .where(Organization.id == membership.organization_id)
        .values(
            member_count=Organization.member_count + change,
            updated_at=Organization.updated_at,  # the organization itself does not change
        )
    )
