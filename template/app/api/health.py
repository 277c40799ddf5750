"""Probes. Liveness ignores the database, which a restart would not repair."""

from typing import Literal

from fastapi import APIRouter

from app.api.errors import problems
from app.api.resources import AppResources
from app.schemas.common import Schema

router = APIRouter(prefix="/health", tags=["health"])


class Health(Schema):
    status: Literal["healthy"] = "healthy"


@router.get("", summary="Liveness")
async def health() -> Health:
    """Report that the process handles requests, whatever the state of its dependencies."""
    return Health()


@router.get("/ready", summary="Readiness", responses=problems(503))
async def readiness(resources: AppResources) -> Health:
    """Report that all dependencies respond in time and all migrations have been applied."""
    for probe in resources.probes:
        await probe()
    return Health()
