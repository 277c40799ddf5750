"""Probes. Liveness checks nothing else: a restart would not repair the database."""

import asyncio
from typing import Literal

from fastapi import APIRouter
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from app.api.deps import AppDatabase
from app.api.errors import problems
from app.core.errors import Unavailable
from app.schemas.common import Schema

CHECK_SECONDS = 2

router = APIRouter(prefix="/health", tags=["health"])


class Health(Schema):
    status: Literal["healthy"] = "healthy"


@router.get("", summary="Liveness")
async def health() -> Health:
    """The process answers requests. Says nothing about the database."""
    return Health()


@router.get("/ready", summary="Readiness", responses=problems(503))
async def readiness(database: AppDatabase) -> Health:
    """The service can do its work: the database answers in time and has been migrated."""
    try:
        async with asyncio.timeout(CHECK_SECONDS), database.read() as session:
            migrated = await session.scalar(text("SELECT 1 FROM alembic_version"))
    except (SQLAlchemyError, TimeoutError) as error:
        raise Unavailable("The database does not answer, or has not been migrated") from error
    if not migrated:
        raise Unavailable("The database has not been migrated")
    return Health()
