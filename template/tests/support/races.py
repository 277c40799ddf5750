"""Requests that meet another transaction: what waits for a lock is seen to wait."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from httpx import Response
from sqlalchemy.ext.asyncio import AsyncSession

from tests.support.databases import Databases, LockWaits
from tests.support.service import Service
from tests.support.waiting import eventually

Change = Callable[[AsyncSession], Awaitable[object]]


@pytest.fixture
def lock_waits(databases: Databases, committed_service: Service) -> LockWaits:
    return databases.lock_waits(committed_service.database.engine)


async def blocked_or_done(lock_waits: LockWaits, *requests: asyncio.Future[Any]) -> None:
    """Return once each of the requests waits for a lock, unless it is done already."""

    async def settled() -> bool:
        waiting = await lock_waits()
        return waiting >= sum(not request.done() for request in requests)

    await eventually(settled)


async def overtaken(
    service: Service, lock_waits: LockWaits, requests: list[Awaitable[Response]], *changes: Change
) -> list[int]:
    """The statuses of requests that come after the first of the changes, before the others."""
    first, *others = changes
    async with service.database.write() as session:
        await first(session)
        tasks = [asyncio.ensure_future(request) for request in requests]
        await blocked_or_done(lock_waits, *tasks)
        for change in others:
            await change(session)
        await session.commit()
    return [(await task).status_code for task in tasks]
