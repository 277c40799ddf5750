from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.db.base import Base, Identified, Timestamped
from app.db.dialect import partial

NEWEST = ("organization_id", "created_at", "id")


class Project(Identified, Timestamped, Base):
    __tablename__ = "projects"
    __table_args__ = (
        Index("ix_projects_organization_id_created_at_id", *NEWEST),
        Index("ix_projects_archived", *NEWEST, **partial("archived_at IS NOT NULL")),
        Index("ix_projects_not_archived", *NEWEST, **partial("archived_at IS NULL")),
        UniqueConstraint(
            "organization_id",
            "slug",
            info={"conflict": "The organization already has a project with this slug"},
        ),
    )

    organization_id: Mapped[UUID] = mapped_column(
        ForeignKey("organizations.id", ondelete="CASCADE")
    )
    name: Mapped[str] = mapped_column(String(100))
    slug: Mapped[str] = mapped_column(String(100))
    description: Mapped[str] = mapped_column(String(2000), default="")
    archived_at: Mapped[datetime | None]
    created_by: Mapped[UUID | None] = mapped_column(
        ForeignKey("users.id", ondelete="SET NULL"), index=True
    )
