"""The last use of a key: recording it neither delays nor fails the request."""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from uuid import UUID, uuid4

import pytest
from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.types import Message
from time_machine import Traveller

from app.core.clock import utc_now
from app.models import ApiKey
from app.services import api_keys
from app.tasks.key_use import KeyUses
from tests.support.clock import clock as clock
from tests.support.factories import make_api_key, make_user
from tests.support.service import Service
from tests.support.waiting import patience

ME = "/api/v1/users/me"


async def last_use(session: AsyncSession, key: ApiKey) -> datetime | None:
    await session.refresh(key)
    return key.last_used_at


async def test_last_use_is_recorded_to_the_minute(
    service: Service, session: AsyncSession, clock: Traveller
) -> None:
    key, secret = await make_api_key(session, await make_user(session))
    noted = []
    async with service.client(secret) as client:
        for seconds in (0, 59, 1):
            clock.shift(timedelta(seconds=seconds))
            await client.get(ME)
            noted.append(await last_use(session, key))

    assert noted[0] is not None
    assert noted[0] == noted[1]
    assert noted[2] is not None
    assert noted[2] - noted[0] == timedelta(seconds=60)


async def test_second_record_within_a_minute_changes_nothing(session: AsyncSession) -> None:
    key, _ = await make_api_key(session, await make_user(session))
    await api_keys.note_use(session, key.id)
    first = key.last_used_at

    await api_keys.note_use(session, key.id)

    assert first is key.last_used_at is not None


async def test_rejected_key_records_no_use(service: Service, session: AsyncSession) -> None:
    key, secret = await make_api_key(session, await make_user(session), revoked_at=utc_now())

    await service.client(secret).get(ME)

    assert await last_use(session, key) is None


async def test_response_does_not_wait_for_the_record(
    service: Service, session: AsyncSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, secret = await make_api_key(session, await make_user(session))
    order: list[str] = []

    async def note(session: AsyncSession, key_id: UUID) -> None:
        order.append("noted")

    monkeypatch.setattr(api_keys, "note_use", note)

    async def receive() -> Message:
        return {"type": "http.request", "body": b""}

    async def send(message: Message) -> None:
        order.append(message["type"])

    request = service.client(secret).build_request("GET", ME)
    scope = {
        "type": "http",
        "method": "GET",
        "path": ME,
        "query_string": b"",
        "headers": [(name.lower(), value) for name, value in request.headers.raw],
        "client": ("127.0.0.1", 50000),
        "state": {},
    }
    await service.app(scope, receive, send)

    assert order == ["http.response.start", "http.response.body", "noted"]


async def test_failed_record_fails_no_request(
    service: Service,
    session: AsyncSession,
    monkeypatch: pytest.MonkeyPatch,
    read_log: Callable[[], str],
) -> None:
    _, secret = await make_api_key(session, await make_user(session))

    async def fail(session: AsyncSession, key_id: UUID) -> None:
        raise OperationalError("UPDATE", {}, Exception("the database is busy"))

    monkeypatch.setattr(api_keys, "note_use", fail)

    assert (await service.client(secret).get(ME)).status_code == 200

    assert "key_use_not_recorded" in read_log()


async def test_records_hold_one_connection_at_most(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise they would leave none for the requests."""
    uses = KeyUses(service.database)
    one, other = uuid4(), uuid4()
    begun: list[UUID] = []
    free = asyncio.Event()

    async def wait(session: AsyncSession, key_id: UUID) -> None:
        begun.append(key_id)
        await free.wait()

    monkeypatch.setattr(api_keys, "note_use", wait)

    async with patience(), asyncio.TaskGroup() as tasks:
        _, _, *repeated = [tasks.create_task(uses.note(each)) for each in (one, other, one, one)]
        await asyncio.wait(repeated)  # which come after the other one has had its chance
        assert begun == [one]
        free.set()

    assert begun == [one, other]
