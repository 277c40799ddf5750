"""The declarative base; migrations rely on its predictable constraint names."""

from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID, uuid4

from sqlalchemy import ColumnElement, MetaData, and_, inspect, or_
from sqlalchemy.ext.hybrid import hybrid_property
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.orm.attributes import History

from app.core.clock import utc_now
from app.db.types import UtcDateTime


class Base(DeclarativeBase):
    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map: ClassVar = {datetime: UtcDateTime}

    def __repr__(self) -> str:
        """Show only the key: a row in a log must not reveal personal data or hashes."""
        key = ", ".join(map(str, inspect(self).identity or ["not stored"]))
        return f"<{type(self).__name__} {key}>"


class Identified:
    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4, sort_order=-1)


class Timestamped:
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    updated_at: Mapped[datetime] = mapped_column(default=utc_now, onupdate=utc_now)


class SoftDeleted:
    """Rows that are marked as deleted, not removed, because others refer to them."""

    deleted_at: Mapped[datetime | None]

    @hybrid_property
    def alive(self) -> bool:
        return self.deleted_at is None

    @alive.inplace.expression
    @classmethod
    def _alive(cls) -> ColumnElement[bool]:
        return cls.deleted_at.is_(None)


class Revocable:
    """Credentials that are valid until they are revoked, or expire if `expires_at` is set."""

    expires_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]

    @hybrid_property
    def alive(self) -> bool:
        in_time = self.expires_at is None or self.expires_at > utc_now()
        return in_time and self.revoked_at is None

    @alive.inplace.expression
    @classmethod
    def _alive(cls) -> ColumnElement[bool]:
        in_time = or_(cls.expires_at.is_(None), cls.expires_at > utc_now())
        return and_(cls.revoked_at.is_(None), in_time)


def changed_columns(row: Any) -> dict[str, History]:
    """The columns whose values differ from those in the database."""
    state = inspect(row)
    unmodified = state.unmodified
    histories = {
        column.key: state.attrs[column.key].history
        for column in state.mapper.column_attrs
        if column.key not in unmodified
    }
    return {name: history for name, history in histories.items() if history.has_changes()}
