"""Alembic's environment: the service's own settings, and one migrator at a time."""

import asyncio
import re
from typing import Any, Literal

from alembic import context
from alembic.autogenerate.api import AutogenContext
from alembic.autogenerate.rewriter import Rewriter
from alembic.operations.ops import DropColumnOp, DropConstraintOp, MigrateOperation
from sqlalchemy import CheckConstraint, Connection

from app.core.config import load_settings
from app.db.dialect import RENDER_AS_BATCH, create_migration_engine
from app.db.types import UtcDateTime
from app.models import User

metadata = User.metadata
rewriter = Rewriter()


def render_item(kind: str, item: Any, _: AutogenContext) -> str | Literal[False]:
    """Render our column types as plain ones: migrations must not depend on today's code."""
    if kind == "type" and isinstance(item, UtcDateTime):
        return "sa.DateTime(timezone=True)"
    return False


def include_name(name: str | None, kind: str, _: Any) -> bool:
    """Skip what `search_index` of `app/db/dialect.py` makes, if the server can: no model has it."""
    return kind != "index" or not (name or "").endswith("_search")


@rewriter.rewrites(DropColumnOp)
def drop_checks_first(_: Any, __: Any, drop: DropColumnOp) -> list[MigrateOperation]:
    """Drop a column's checks before it: a rebuilt table cannot keep them."""
    column = drop.to_column()
    checks = [
        DropConstraintOp.from_constraint(constraint)
        for constraint in column.table.constraints
        if isinstance(constraint, CheckConstraint) and concerns(constraint, column.name)
    ]
    return [*checks, drop]


def concerns(check: CheckConstraint, column: str) -> bool:
    condition = re.sub("'[^']*'", "", str(check.sqltext))
    return re.search(rf"\b{re.escape(column)}\b", condition) is not None


def run(connection: Connection) -> None:
    context.configure(
        connection=connection,
        target_metadata=metadata,
        include_name=include_name,
        process_revision_directives=rewriter,
        render_as_batch=RENDER_AS_BATCH,
        render_item=render_item,
        transactional_ddl=True,
    )
    with context.begin_transaction():
        context.run_migrations()


async def main() -> None:
    settings = context.config.attributes.get("settings") or load_settings()
    engine = create_migration_engine(settings)
    try:
        async with engine.connect() as connection:
            await connection.run_sync(run)
    finally:
        await engine.dispose()


asyncio.run(main())
