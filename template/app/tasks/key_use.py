"""Record when an API key was last used, after the response and without affecting it."""

from asyncio import Lock
from uuid import UUID

import structlog
from sqlalchemy.exc import SQLAlchemyError

from app.core.errors import Unavailable
from app.db.session import Database
from app.services import api_keys

logger = structlog.stdlib.get_logger(__name__)


class KeyUses:
    """Record uses one at a time, so that they occupy at most one database connection."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._turn = Lock()
        self._waiting: set[UUID] = set()

    async def record(self, key_id: UUID) -> None:
        """Record a use. A failure is only logged, because the next use tries again."""
        if key_id in self._waiting:
            return
        self._waiting.add(key_id)
        try:
            async with self._turn, self._database.write() as session:
                await api_keys.record_use(session, key_id)
                await session.commit()
        except (SQLAlchemyError, Unavailable) as error:
            logger.warning("key_use_not_recorded", error=type(error).__name__)
        finally:
            self._waiting.discard(key_id)
