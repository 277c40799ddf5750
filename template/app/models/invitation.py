from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, ForeignKey, Index, String, and_
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.core.clock import utc_now
from app.core.roles import MemberRole
from app.db.base import Base, Identified
from app.db.dialect import partial
from app.db.types import str_enum
from app.models.organization import Organization


class Invitation(Identified, Base):
    """An invitation of an email address to an organization.

    `token_hash` belongs to the last email sent, and is null until then.
    """

    __tablename__ = "invitations"
    __table_args__ = (
        Index(
            "ix_invitations_organization_id_created_at_id", "organization_id", "created_at", "id"
        ),
        Index(
            "uq_invitations_organization_id_email_normalized",
            "organization_id",
            "email_normalized",
            unique=True,
            **partial("accepted_at IS NULL AND revoked_at IS NULL"),
            info={"conflict": "There is already an open invitation for this email"},
        ),
    )

    organization_id: Mapped[UUID] = mapped_column(
        ForeignKey("organizations.id", ondelete="CASCADE")
    )
    invited_by: Mapped[UUID | None] = mapped_column(
        ForeignKey("users.id", ondelete="SET NULL"), index=True
    )
    email: Mapped[str] = mapped_column(String(255))
    email_normalized: Mapped[str] = mapped_column(String(255))
    role: Mapped[MemberRole] = mapped_column(str_enum(MemberRole, "role"))
    token_hash: Mapped[str | None] = mapped_column(String(64), unique=True)
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    expires_at: Mapped[datetime]
    accepted_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]

    organization: Mapped[Organization] = relationship(lazy="raise")

    @classmethod
    def open(cls) -> ColumnElement[bool]:
        """Neither accepted nor revoked, but possibly expired."""
        return and_(cls.accepted_at.is_(None), cls.revoked_at.is_(None))
