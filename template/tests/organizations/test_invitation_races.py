"""Concurrent requests about one invitation: exactly one of them succeeds."""

import asyncio
from typing import Any

import pytest
from httpx import Response
from sqlalchemy import func, select

from app.core.tokens import hash_token
from app.models import Invitation, Membership, Organization, User
from app.services import invitations
from tests.support.databases import LockWaits
from tests.support.factories import make_invitation, make_owner, make_user
from tests.support.races import blocked_or_done
from tests.support.service import Service
from tests.support.waiting import patience

ACCEPT = "/api/v1/invitations/accept"
INVITATIONS = "/api/v1/organizations/acme/invitations"
TOKEN = "the-token-of-the-mail"


async def accept(service: Service, user: User) -> Response:
    return await (await service.sign_in(user)).post(ACCEPT, json={"token": TOKEN})


async def members(service: Service) -> int:
    async with service.database.read() as session:
        return await session.scalar(select(func.count(Membership.id))) or 0


@pytest.fixture
async def inviter(committed_service: Service) -> User:
    return await committed_service.make(make_owner)


@pytest.fixture
async def ada(committed_service: Service) -> User:
    return await committed_service.make(make_user)


@pytest.fixture
async def invitation(committed_service: Service, inviter: User, ada: User) -> Invitation:
    async with committed_service.database.write() as session:
        organization = (await session.scalars(select(Organization))).one()
        return await make_invitation(
            session, organization, inviter, email=ada.email, token_hash=hash_token(TOKEN)
        )


@pytest.mark.usefixtures("invitation")
async def test_concurrent_acceptances_add_one_member(committed_service: Service, ada: User) -> None:
    answers = await asyncio.gather(*(accept(committed_service, ada) for _ in range(4)))

    assert sorted(answer.status_code for answer in answers) == [200, 400, 400, 400]
    assert await members(committed_service) == 2


async def test_address_is_invited_once(committed_service: Service, inviter: User) -> None:
    client = await committed_service.sign_in(inviter)

    answers = await asyncio.gather(
        *(client.post(INVITATIONS, json={"email": "a@example.com"}) for _ in range(4))
    )

    assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409]


async def test_revocation_during_an_acceptance_comes_too_late(
    committed_service: Service,
    lock_waits: LockWaits,
    monkeypatch: pytest.MonkeyPatch,
    inviter: User,
    ada: User,
    invitation: Invitation,
) -> None:
    """The revocation arrives after the invitation is read and before it is accepted."""
    owner = await committed_service.sign_in(inviter)
    path = f"{INVITATIONS}/{invitation.id}"
    check, revocations = invitations._inviter_may, list[asyncio.Task[Response]]()

    async def check_late(*args: Any) -> bool:
        revocations.append(asyncio.create_task(owner.delete(path)))
        await blocked_or_done(lock_waits, *revocations)
        return await check(*args)

    monkeypatch.setattr(invitations, "_inviter_may", check_late)
    accepted = await accept(committed_service, ada)
    async with patience():
        revoked = await revocations[0]

    assert (accepted.status_code, revoked.status_code) == (200, 404)
    assert await members(committed_service) == 2
