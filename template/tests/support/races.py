"""Requests that wait for a lock, or are overtaken while they hash a password."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any, Literal

import pytest
from httpx import Response
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.passwords import Passwords
from tests.support.databases import Databases, LockWaits
from tests.support.service import Service
from tests.support.waiting import eventually

Change = Callable[[AsyncSession], Awaitable[object]]


@pytest.fixture
def lock_waits(databases: Databases, committed_service: Service) -> LockWaits:
    return databases.lock_waits(committed_service.database.engine)


async def blocked_or_done(lock_waits: LockWaits, *requests: asyncio.Future[Any]) -> None:
    """Return once each request waits for a lock or is done."""

    async def settled() -> bool:
        waiting = await lock_waits()
        return waiting >= sum(not request.done() for request in requests)

    await eventually(settled)


async def overtaken(
    service: Service, lock_waits: LockWaits, requests: list[Awaitable[Response]], *changes: Change
) -> list[int]:
    """Send the requests after the first change and before the others; return their statuses."""
    first, *others = changes
    async with service.database.write() as session:
        await first(session)
        tasks = [asyncio.ensure_future(request) for request in requests]
        await blocked_or_done(lock_waits, *tasks)
        for change in others:
            await change(session)
        await session.commit()
    return [(await task).status_code for task in tasks]


@contextmanager
def before(name: Literal["hash", "verify"], act: Callable[[], Awaitable[object]]) -> Iterator[None]:
    """Call `act` each time before a password is hashed or verified, except by `act` itself."""
    usual = getattr(Passwords, name)

    async def interrupted(passwords: Passwords, *args: Any) -> Any:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Passwords, name, usual)
            await act()
        return await usual(passwords, *args)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Passwords, name, interrupted)
        yield
