"""Each operation that creates something, sent again with its `Idempotency-Key`."""

from typing import Any

import pytest
from fastapi.routing import iter_route_contexts
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.roles import UserRole
from app.models import AuditEvent, User
from tests.support.factories import PASSWORD, make_user
from tests.support.operations import Ids, make_tenant, operations_of
from tests.support.service import Service

ADA = {"email": "ada@example.com", "name": "Ada", "password": PASSWORD}
KEY = {"Idempotency-Key": "5f0c9c9a-3c1e-4f0e-9d5b-0b8f4f9a4c11"}

BODIES: dict[str, dict[str, Any]] = {
    "add_member": {},  # somebody new
    "create_invitation": {"email": "guest@example.com"},
    "create_organization": {"name": "Acme", "slug": "acme"},
    "create_project": {"name": "Apollo", "slug": "apollo"},
    "create_user": ADA,
    "register": ADA,
}
WITHOUT_KEY = {"create_api_key", "create_organization_api_key"}
"""What they answer is a secret that is shown once, so it is not stored."""


async def make_owner(session: AsyncSession) -> tuple[User, Ids]:
    """Of an organization, who is also an administrator."""
    user, ids = await make_tenant(session)
    user.role = UserRole.ADMIN
    await session.commit()
    return user, ids


def test_whatever_creates_something_takes_a_key(service: Service) -> None:
    operations = {
        operation["operationId"]: operation
        for path in service.app.openapi()["paths"].values()
        for operation in path.values()
    }
    creating = {name for name, each in operations.items() if "201" in each["responses"]}
    keyed = {
        name
        for name, each in operations.items()
        if any(parameter["in"] == "header" for parameter in each.get("parameters", ()))
    }

    missing = creating - keyed - WITHOUT_KEY
    assert not missing, f"Let them take an Idempotency-Key, or say here why not: {missing}"
    assert keyed == BODIES.keys()
    assert creating == keyed | WITHOUT_KEY
    for name in keyed:
        answers = operations[name]["responses"]
        assert "Idempotent-Replayed" in answers["201"]["headers"]
        assert "Idempotency-Key" in answers["422"]["description"]
        assert "409" in answers


def test_the_key_is_looked_up_after_all_that_a_request_must_pass(service: Service) -> None:
    """Or somebody without the right would be given a response from when he had it."""
    places = {
        str(route.name): [bool(each.header_params) for each in route.dependant.dependencies]
        for route in iter_route_contexts(service.app.routes)
        if route.name in BODIES
    }

    assert places.keys() == BODIES.keys()
    assert {name for name, place in places.items() if place.index(True) != len(place) - 1} == set()


@pytest.mark.parametrize("name", BODIES)
async def test_the_same_request_gets_the_same_answer_and_is_done_once(
    name: str, service: Service, session: AsyncSession
) -> None:
    [operation] = [each for each in operations_of(service) if each.name == name]
    user, ids = await make_owner(session)
    body = BODIES[name] or {"user_id": str((await make_user(session)).id)}
    client = await service.sign_in(user)
    client.headers.update(KEY)
    events = select(func.count(AuditEvent.id))
    before = await session.scalar(events) or 0

    first, second = [await operation.call(client, ids, body) for _ in range(2)]

    assert (first.status_code, second.status_code) == (201, 201)
    assert second.content == first.content
    assert second.headers["content-type"] == first.headers["content-type"]
    assert "Idempotent-Replayed" not in first.headers
    assert second.headers["Idempotent-Replayed"] == "true"
    assert await session.scalar(events) == before + 1
