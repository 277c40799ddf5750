"""Which unique constraint refused a row, and the sentence that the model gave to it."""

from sqlalchemy import Index, UniqueConstraint
from sqlalchemy.exc import IntegrityError

from app.db.base import Base

UNKNOWN = "The request conflicts with the current state; read it again and retry."


def conflict_sentence(error: IntegrityError) -> str:
    """The `info={"conflict": ...}` of the violated index or constraint."""
    for unique in _unique_rules():
        if _names(error, unique):
            return str(unique.info.get("conflict", UNKNOWN))
    return UNKNOWN


def _unique_rules() -> list[Index | UniqueConstraint]:
    tables = Base.metadata.tables.values()
    indexes = [index for table in tables for index in table.indexes if index.unique]
    constraints = [
        rule for table in tables for rule in table.constraints if isinstance(rule, UniqueConstraint)
    ]
    return [*indexes, *constraints]


def _names(error: IntegrityError, unique: Index | UniqueConstraint) -> bool:
    """PostgreSQL tells the name of the constraint, sqlite only its columns."""
    cause = error.orig.__cause__ if error.orig else None
    columns = ", ".join(f"{column.table.name}.{column.name}" for column in unique.columns)
    told = getattr(cause, "constraint_name", None)
    return told == unique.name if told else str(error.orig).endswith(f"failed: {columns}")
