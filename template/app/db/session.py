"""Database sessions: `write` for transactions that may change rows, `read` for the rest."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine, async_sessionmaker

from app.core.config import Settings
from app.core.errors import Unavailable
from app.core.probe import probing
from app.db import migrations
from app.db.dialect import WRITE_OPTIONS, create_engine, is_read_only

POOL_TIMEOUT_SECONDS = 5.0
"""How long a request waits for a connection before it gets a 503."""


class Database:
    def __init__(self, engine: AsyncEngine) -> None:
        self.engine = engine
        """Commits each statement by itself; only `write` opens transactions."""
        self.read = async_sessionmaker(engine, expire_on_commit=False)
        self.write = async_sessionmaker(
            engine.execution_options(**WRITE_OPTIONS), expire_on_commit=False
        )

    async def check_ready(self) -> None:
        """Raise Unavailable unless the database responds, accepts writes and is migrated."""
        detail = "The database is not responding or has not been migrated"
        async with probing(detail, SQLAlchemyError), self.read() as session:
            applied = await session.scalars(text("SELECT version_num FROM alembic_version"))
            if await is_read_only(session):
                await session.invalidate()  # the next connection may reach the new primary
                raise Unavailable("The database is read-only")
        if await asyncio.to_thread(migrations.are_pending, set(applied)):
            raise Unavailable("The database has not been migrated to this release")

    async def check(self) -> None:
        """Raise the same error as any statement if the database is unavailable."""
        connection = await self.engine.connect()
        await connection.close()


@asynccontextmanager
async def open_database(settings: Settings) -> AsyncGenerator[Database]:
    """Connect on first use: without the database, the service starts and reports not ready."""
    database = Database(create_engine(settings, pool_timeout=POOL_TIMEOUT_SECONDS))
    try:
        yield database
    finally:
        await database.engine.dispose()
