"""Probes. Liveness checks nothing else: a restart would not repair the database."""

import asyncio
from typing import Literal

from fastapi import APIRouter, Request
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from app.api.errors import problems
from app.core.errors import Unavailable
from app.db import migrations
from app.db.session import Database
from app.schemas.common import Schema

CHECK_SECONDS = 2

router = APIRouter(prefix="/health", tags=["health"])


class Health(Schema):
    status: Literal["healthy"] = "healthy"


@router.get("", summary="Liveness")
async def health() -> Health:
    """The process answers requests. Says nothing about what it depends on."""
    return Health()


@router.get("/ready", summary="Readiness", responses=problems(503))
async def readiness(request: Request) -> Health:
    """The service can do its work: what it depends on answers in time, and its migrations have
    been applied."""
    for probe in request.app.state.probes:
        await probe()
    return Health()


async def check_database(database: Database) -> None:
    try:
        async with asyncio.timeout(CHECK_SECONDS), database.read() as session:
            applied = await session.scalars(text("SELECT version_num FROM alembic_version"))
    except (SQLAlchemyError, TimeoutError) as error:
        raise Unavailable("The database does not answer, or has not been migrated") from error
    if await asyncio.to_thread(migrations.are_pending, set(applied)):
        raise Unavailable("The database has not been migrated to this release")
