"""Readiness probes: each resource provides its own."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager

from app.core.errors import Unavailable

PROBE_SECONDS = 2

Probe = Callable[[], Awaitable[None]]
"""Return once the resource responds, or raise Unavailable."""


@asynccontextmanager
async def probing(detail: str, fault: type[Exception]) -> AsyncGenerator[None]:
    """Raise Unavailable if the block fails with `fault` or takes too long."""
    try:
        async with asyncio.timeout(PROBE_SECONDS):
            yield
    except (fault, TimeoutError) as error:
        raise Unavailable(detail) from error
