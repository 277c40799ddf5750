"""When an API key was last used: noted after the response, and never at the cost of a request."""

from asyncio import Lock
from uuid import UUID

import structlog
from sqlalchemy.exc import SQLAlchemyError

from app.core.errors import Unavailable
from app.db.session import Database
from app.services import api_keys

logger = structlog.stdlib.get_logger(__name__)


class KeyUses:
    """Takes at most one connection of the database, however long that keeps it waiting."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._turn = Lock()
        self._waiting: set[UUID] = set()

    async def note(self, key_id: UUID) -> None:
        """A failure is logged and forgotten: the next use tries again."""
        if key_id in self._waiting:
            return
        self._waiting.add(key_id)
        try:
            async with self._turn, self._database.write() as session:
                await api_keys.note_use(session, key_id)
                await session.commit()
        except (SQLAlchemyError, Unavailable) as error:
            logger.warning("key_use_not_noted", error=type(error).__name__)
        finally:
            self._waiting.discard(key_id)
