"""What every operation must do when called with a body made from its schema."""

from collections.abc import Iterator

import pytest
from fastapi.routing import iter_route_contexts
from httpx import AsyncClient
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.models import AuditEvent
from tests.support.catalogue import Values
from tests.support.operations import Operation, make_superuser, operations_of
from tests.support.service import Service, undone

EVENTS = select(func.count(AuditEvent.id))
KEY = {"Idempotency-Key": "5f0c9c9a-3c1e-4f0e-9d5b-0b8f4f9a4c11"}


@pytest.fixture
async def superuser(service: Service, session: AsyncSession) -> tuple[AsyncClient, Values]:
    return await make_superuser(service, session)


def creating(service: Service) -> Iterator[Operation]:
    return (each for each in operations_of(service) if "201" in each.described["responses"])


async def test_every_change_is_in_the_audit_log(
    service: Service, session: AsyncSession, superuser: tuple[AsyncClient, Values]
) -> None:
    silent = []
    for operation in operations_of(service):
        if operation.method == "GET" or not operation.entry.audited:
            continue
        async with undone(session):
            before = await session.scalar(EVENTS)
            await operation.succeed(*superuser)
            if await session.scalar(EVENTS) == before:
                silent.append(operation.name)

    assert not silent, f"Call audit.record in {silent}, or list them with audited=False"


def test_every_create_takes_an_idempotency_key(service: Service) -> None:
    for operation in operations_of(service):
        described = operation.described
        keyed = any(each["in"] == "header" for each in described.get("parameters", ()))
        created = "201" in described["responses"]
        assert keyed == (created and operation.entry.keyed), (
            f"{operation.name}: take `Idempotency`, or list it with keyed=False"
        )
        if keyed:
            answers = described["responses"]
            assert "Idempotent-Replayed" in answers["201"]["headers"]
            assert "Idempotency-Key" in answers["422"]["description"]
            assert "409" in answers


def test_idempotency_key_is_looked_up_after_all_other_checks(service: Service) -> None:
    """Otherwise a caller who lost a right would still get the stored response."""
    keyed = {operation.name for operation in creating(service) if operation.entry.keyed}
    places = {
        str(route.name): [bool(each.header_params) for each in route.dependant.dependencies]
        for route in iter_route_contexts(service.app.routes)
        if route.name in keyed
    }

    assert places.keys() == keyed
    assert [name for name, place in places.items() if place.index(True) != len(place) - 1] == []


async def test_repeated_create_runs_once_and_gets_the_same_response(
    service: Service, session: AsyncSession, superuser: tuple[AsyncClient, Values]
) -> None:
    client, values = superuser
    client.headers.update(KEY)
    for operation in creating(service):
        if not operation.entry.keyed:
            continue
        async with undone(session):
            before = await session.scalar(EVENTS) or 0
            first, second = [await operation.succeed(client, values) for _ in range(2)]
            assert (first.status_code, second.status_code) == (201, 201)
            assert second.content == first.content
            assert second.headers["content-type"] == first.headers["content-type"]
            assert "Idempotent-Replayed" not in first.headers
            assert second.headers["Idempotent-Replayed"] == "true"
            assert await session.scalar(EVENTS) == before + 1, operation.name
