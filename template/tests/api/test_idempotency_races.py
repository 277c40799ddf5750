"""Concurrent requests with the same key: one of them runs."""

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

import pytest
from httpx import AsyncClient, Response
from sqlalchemy import func, select

from app.api.deps import DB
from app.api.idempotency import PublicIdempotency
from app.core.errors import Conflict
from app.db.base import Base
from app.models import AuditEvent, IdempotencyKey, Invitation, Organization, User
from tests.conftest import settings_for
from tests.support.factories import PASSWORD, make_owner, new_user
from tests.support.mailbox import mails_of
from tests.support.races import before
from tests.support.service import Service, add_route, running_with
from tests.support.waiting import patience

ORGANIZATIONS = "/api/v1/organizations/"
REGISTER = "/api/v1/auth/register"
ACME = {"name": "Acme", "slug": "acme"}
ADA = {"email": "ada@example.com", "name": "Ada", "password": PASSWORD}
KEY = {"Idempotency-Key": "5f0c9c9a-3c1e-4f0e-9d5b-0b8f4f9a4c11"}


@pytest.fixture
async def member(committed_service: Service) -> AsyncClient:
    return await committed_service.sign_in(await committed_service.make(make_owner, "mine"))


async def count(service: Service, kind: type[Base]) -> int:
    async with service.database.read() as session:
        return await session.scalar(select(func.count()).select_from(kind)) or 0


async def send_at_once(client: AsyncClient, path: str, *bodies: dict[str, Any]) -> list[Response]:
    requests = [client.post(path, json=body, headers=KEY) for body in bodies]
    return list(await asyncio.gather(*requests))


def assert_done_once(answers: list[Response], status: int = 201) -> None:
    assert {answer.status_code for answer in answers} == {status}
    assert len({answer.content for answer in answers}) == 1
    old = ["Idempotent-Replayed" in answer.headers for answer in answers]
    assert old.count(False) == 1


async def meet(here: asyncio.Barrier) -> None:
    async with patience():
        await here.wait()


async def test_organization_is_created_once(
    committed_service: Service, member: AsyncClient
) -> None:
    events = await count(committed_service, AuditEvent)

    answers = await send_at_once(member, ORGANIZATIONS, *[ACME] * 4)

    assert_done_once(answers)
    assert await count(committed_service, Organization) == 2
    assert await count(committed_service, AuditEvent) == events + 1
    assert await count(committed_service, IdempotencyKey) == 1


async def test_address_is_invited_once(committed_service: Service, member: AsyncClient) -> None:
    guest = {"email": "guest@example.com"}
    async with mails_of(committed_service) as outbox:
        answers = await send_at_once(member, f"{ORGANIZATIONS}mine/invitations", *[guest] * 3)

    assert_done_once(answers)
    assert await count(committed_service, Invitation) == 1
    assert len(outbox) == 1


async def test_user_registers_once(committed_service: Service) -> None:
    """All of them find the key free, because none holds a transaction while it hashes."""
    async with committed_service.client() as client, mails_of(committed_service) as outbox:
        answers = await send_at_once(client, REGISTER, *[ADA] * 3)

    assert_done_once(answers)
    assert await count(committed_service, User) == 1
    assert len(outbox) == 1


@pytest.fixture
async def discreet(own_url: str) -> AsyncGenerator[Service]:
    """A service that does not reveal who is registered."""
    settings = settings_for(own_url, REGISTRATION_ENUMERATION_SAFE=True)
    async with running_with(settings) as service:
        yield service


async def test_user_registers_once_in_enumeration_safe_mode(discreet: Service) -> None:
    async with discreet.client() as client, mails_of(discreet) as outbox:
        answers = await send_at_once(client, REGISTER, *[ADA] * 3)

    assert_done_once(answers, 202)
    assert [mail["Subject"] for mail in outbox] == [f"Welcome to {discreet.settings.PROJECT_NAME}"]


async def test_one_of_two_different_requests_succeeds(
    committed_service: Service, member: AsyncClient
) -> None:
    answers = await send_at_once(member, ORGANIZATIONS, ACME, ACME | {"slug": "other"})

    assert sorted(answer.status_code for answer in answers) == [201, 422]
    assert await count(committed_service, Organization) == 2


async def test_key_decides_where_nothing_else_is_unique(committed_service: Service) -> None:
    here = asyncio.Barrier(3)

    async def add_somebody(db: DB, idempotency: PublicIdempotency) -> str:
        await meet(here)
        user = new_user()
        db.add(user)
        await db.flush()
        return str(user.id)

    path = add_route(committed_service, add_somebody)
    answers = await send_at_once(committed_service.client(), path, *[{}] * 3)

    assert_done_once(answers, 200)
    assert await count(committed_service, User) == 1


async def test_conflict_with_the_first_request_is_a_replay(committed_service: Service) -> None:
    here = asyncio.Barrier(3)

    async def add_the_only_one(db: DB, idempotency: PublicIdempotency) -> str:
        await meet(here)
        if await db.scalar(select(func.count(User.id))):
            raise Conflict("There is one already")
        db.add(new_user())
        return "Done"

    path = add_route(committed_service, add_the_only_one)
    answers = await send_at_once(committed_service.client(), path, *[{}] * 3)

    assert_done_once(answers, 200)
    assert await count(committed_service, User) == 1


async def test_twin_of_a_failed_request_succeeds(committed_service: Service) -> None:
    here = asyncio.Barrier(2)
    turns = iter([True, False])

    async def fail_at_first(db: DB, idempotency: PublicIdempotency) -> str:
        await meet(here)
        user = new_user()
        db.add(user)
        await db.flush()
        if next(turns):
            raise Conflict("Not now")
        return str(user.id)

    path = add_route(committed_service, fail_at_first)
    answers = await send_at_once(committed_service.client(), path, *[{}] * 2)

    assert {answer.status_code for answer in answers} in ({200}, {200, 409})
    assert await count(committed_service, User) == 1


@pytest.mark.parametrize("headers", [{}, KEY])
async def test_registration_holds_no_connection_while_it_hashes(
    committed_service: Service, headers: dict[str, str]
) -> None:
    held = []

    async def look() -> None:
        held.append(committed_service.database.engine.pool.status())

    async with committed_service.client() as client, mails_of(committed_service):
        with before("hash", look):
            response = await client.post(REGISTER, json=ADA, headers=headers)

    assert response.status_code == 201
    assert len(held) == 1
    assert "Current Checked out connections: 0" in held[0]
