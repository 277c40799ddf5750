from base64 import urlsafe_b64encode
from datetime import timedelta
from uuid import uuid4

import pytest
from httpx import AsyncClient
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.clock import utc_now
from app.models import AuditEvent
from tests.support.factories import make_admin
from tests.support.service import Service, assert_problem

URL = "/api/v1/audit"
NOW = utc_now()


@pytest.fixture
async def client(service: Service, session: AsyncSession) -> AsyncClient:
    return await service.sign_in(await make_admin(session))


async def note(session: AsyncSession, number: int, *, seconds: int = 60) -> None:
    session.add(
        AuditEvent(
            created_at=NOW + timedelta(seconds=seconds),
            action="user.updated",
            target_type="users",
            target_id=uuid4(),
            details={"number": number},
            address="",
            request_id="",
        )
    )
    await session.commit()


async def read(client: AsyncClient, cursor: str | None = None) -> tuple[list[int], str | None]:
    query = "limit=2&action=user.updated" + (f"&cursor={cursor}" if cursor else "")
    page = (await client.get(f"{URL}?{query}")).json()
    return [event["details"]["number"] for event in page["data"]], page["next_cursor"]


async def test_pages_are_stable_for_equal_times(client: AsyncClient, session: AsyncSession) -> None:
    for number in range(5):
        await note(session, number)

    seen, cursor = await read(client)
    while cursor:
        page, cursor = await read(client, cursor)
        seen += page

    assert sorted(seen) == [0, 1, 2, 3, 4]


async def test_new_event_shifts_no_row(client: AsyncClient, session: AsyncSession) -> None:
    for number in range(4):
        await note(session, number, seconds=number)
    first, cursor = await read(client)
    await note(session, 99, seconds=300)

    second, end = await read(client, cursor)

    assert (first, second, end) == ([3, 2], [1, 0], None)


@pytest.mark.parametrize(
    "cursor",
    [
        "nonsense",
        "%00",
        "A",
        "é",
        "x" * 201,
        urlsafe_b64encode(b"2026-01-01T00:00:00 " + b"0" * 32).decode(),
        urlsafe_b64encode(b"0001-01-01T00:00:00+23:59 " + b"0" * 32).decode(),
        urlsafe_b64encode(b"2026-01-01T00:00:00+00:00 nobody").decode(),
        urlsafe_b64encode(b"\xff\xfe").decode(),
    ],
)
async def test_forged_cursor_gets_422(client: AsyncClient, cursor: str) -> None:
    assert_problem(await client.get(f"{URL}?cursor={cursor}"), 400 if cursor == "%00" else 422)


@pytest.mark.parametrize("limit", ["0", "101", "-1", "many", str(10**30)])
async def test_invalid_limit_gets_422(client: AsyncClient, limit: str) -> None:
    assert_problem(await client.get(f"{URL}?limit={limit}"), 422)
