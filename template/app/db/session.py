"""The database's sessions: `write` for transactions that may change rows, `read` for the rest."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine, async_sessionmaker

from app.core.config import Settings
from app.db.dialect import WRITE_OPTIONS, create_engine

POOL_TIMEOUT_SECONDS = 5.0
"""How long a request waits for a connection before it gets a 503."""


class Database:
    def __init__(self, engine: AsyncEngine) -> None:
        self.engine = engine
        """Each statement by itself: transactions are those of `write`."""
        self.read = async_sessionmaker(engine, expire_on_commit=False)
        self.write = async_sessionmaker(
            engine.execution_options(**WRITE_OPTIONS), expire_on_commit=False
        )

    async def check(self) -> None:
        """Raises what every statement raises while the database is away."""
        async with self.read() as session:
            await session.execute(select(1))


@asynccontextmanager
async def open_database(settings: Settings) -> AsyncGenerator[Database]:
    """Connects on first use, so the service starts, and reports not ready, without its database."""
    database = Database(create_engine(settings, pool_timeout=POOL_TIMEOUT_SECONDS))
    try:
        yield database
    finally:
        await database.engine.dispose()
