"""Waiting for events. No test's outcome depends on how fast the machine is."""

import asyncio
import os
from collections.abc import Awaitable, Callable
from inspect import isawaitable
from typing import Any, TypeVar, overload

T = TypeVar("T")

PATIENCE = float(os.environ.get("TEST_PATIENCE", "180"))
"""Seconds after which a test gives up. Only a test that is about to fail waits this long."""
NEVER = 86_400.0
"""An interval, in seconds, that does not pass during a test."""
PAUSE = 0.02


def patience() -> asyncio.Timeout:
    """Limit a block that waits for an event: `async with patience(): ...`."""
    return asyncio.timeout(PATIENCE)


@overload
async def eventually(condition: Callable[[], Awaitable[T]]) -> T: ...


@overload
async def eventually(condition: Callable[[], T]) -> T: ...


async def eventually(condition: Callable[[], Any]) -> Any:
    """Call `condition` until its result is truthy, and return that.

    Raises TimeoutError after `PATIENCE`.
    """
    async with patience():
        while True:
            result = condition()
            if isawaitable(result):
                result = await result
            if result:
                return result
            await asyncio.sleep(PAUSE)
