"""Probes. Liveness checks nothing else: a restart would not repair the database."""

from typing import Literal

from app.api.errors import problems
from app.api.resources import AppResources
from app.api.routing import Router
from app.schemas.common import Schema

router = Router(prefix="/health", tags=["health"])


class Health(Schema):
    status: Literal["healthy"] = "healthy"


@router.get("", summary="Liveness")
async def health() -> Health:
    """The process answers requests. Says nothing about what it depends on."""
    return Health()


@router.get("/ready", summary="Readiness", responses=problems(503))
async def readiness(resources: AppResources) -> Health:
    """The service can do its work: what it depends on answers in time, and its migrations have
    been applied."""
    for probe in resources.probes:
        await probe()
    return Health()
