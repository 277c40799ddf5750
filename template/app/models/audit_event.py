from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import JSON, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from app.core.clock import utc_now
from app.db.base import Base, Identified


class AuditEvent(Identified, Base):
    """A recorded action. The database refuses to change or delete it.

    Its ids are not foreign keys, because it outlives the rows they refer to.
    """

    __tablename__ = "audit_events"
    __table_args__ = (
        Index("ix_audit_events_created_at_id", "created_at", "id"),
        Index("ix_audit_events_action_created_at_id", "action", "created_at", "id"),
        Index("ix_audit_events_actor_id_created_at_id", "actor_id", "created_at", "id"),
        Index(
            "ix_audit_events_organization_id_created_at_id", "organization_id", "created_at", "id"
        ),
    )

    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    action: Mapped[str] = mapped_column(String(50))
    actor_id: Mapped[UUID | None]
    api_key_id: Mapped[UUID | None]
    organization_id: Mapped[UUID | None]
    target_type: Mapped[str] = mapped_column(String(50))
    target_id: Mapped[UUID]
    details: Mapped[dict[str, Any]] = mapped_column(JSON)
    address: Mapped[str] = mapped_column(String(45))
    request_id: Mapped[str] = mapped_column(String(64))
