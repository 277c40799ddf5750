"""Translate a violated unique constraint into the sentence that its model declares."""

from sqlalchemy import Index, UniqueConstraint
from sqlalchemy.exc import IntegrityError

from app.db.base import Base
from app.db.dialect import violates

UNKNOWN = "The request conflicts with the current state; reload it and retry"


def conflict_sentence(error: IntegrityError) -> str:
    """Return `info["conflict"]` of the violated index or constraint."""
    for rule in _unique_rules():
        if violates(error, rule):
            return str(rule.info.get("conflict", UNKNOWN))
    return UNKNOWN


def _unique_rules() -> list[Index | UniqueConstraint]:
    tables = Base.metadata.tables.values()
    indexes = [index for table in tables for index in table.indexes if index.unique]
    constraints = [
        rule for table in tables for rule in table.constraints if isinstance(rule, UniqueConstraint)
    ]
    return [*indexes, *constraints]
