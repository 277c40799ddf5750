"""Concurrent acts of two owners: exactly one succeeds, and an owner remains."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from uuid import UUID

import pytest
from httpx import AsyncClient, Response
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.roles import MemberRole
from app.models import Membership, Organization, User
from app.services import organizations
from tests.support.databases import LockWaits
from tests.support.factories import add_member, make_admin, make_organization, make_user
from tests.support.races import overtaken
from tests.support.service import Service
from tests.support.waiting import eventually

ORGANIZATION = "/api/v1/organizations/acme"
VIEWER = {"role": "viewer"}

AtOnce = Callable[..., Awaitable[list[int]]]


@dataclass
class Owner:
    user: User
    client: AsyncClient

    @property
    def membership(self) -> str:
        return f"{ORGANIZATION}/members/{self.user.id}"


@pytest.fixture
async def owners(committed_service: Service) -> list[Owner]:
    """Two owners of one organization."""
    async with committed_service.database.write() as session:
        users = [await make_user(session), await make_user(session)]
        organization = await make_organization(session, users[0], slug="acme")
        await add_member(session, organization, users[1], MemberRole.OWNER)
    return [Owner(user, await committed_service.sign_in(user)) for user in users]


async def roles_in(service: Service) -> list[str]:
    async with service.database.read() as session:
        return sorted(await session.scalars(select(Membership.role)))


@pytest.fixture
def at_once(committed_service: Service, lock_waits: LockWaits) -> AtOnce:
    """Start all requests before any of them locks the organization; return their statuses."""

    async def send(*requests: Awaitable[Response]) -> list[int]:
        async def lock(session: AsyncSession) -> None:
            await session.execute(select(Organization.id).with_for_update())

        return await overtaken(committed_service, lock_waits, list(requests), lock)

    return send


@pytest.fixture
def meeting(monkeypatch: pytest.MonkeyPatch, lock_waits: LockWaits) -> None:
    """Let both requests look for other owners before either continues, if no lock prevents it."""
    look, looks = organizations.owned_alone, 0

    async def owned_alone(session: AsyncSession, user_id: UUID) -> dict[UUID, str]:
        nonlocal looks
        alone = await look(session, user_id)
        looks += 1

        async def met_or_kept_apart() -> bool:
            return looks == 2 or await lock_waits() > 0

        await eventually(met_or_kept_apart)
        return alone

    monkeypatch.setattr(organizations, "owned_alone", owned_alone)


@pytest.mark.usefixtures("meeting")
async def test_two_owners_leave(committed_service: Service, owners: list[Owner]) -> None:
    leave = f"{ORGANIZATION}/leave"
    answers = await asyncio.gather(*(owner.client.post(leave) for owner in owners))

    assert sorted(answer.status_code for answer in answers) == [204, 409]
    assert await roles_in(committed_service) == ["owner"]


@pytest.mark.parametrize(
    ("act", "statuses", "roles"),
    [
        (
            lambda me, _: me.client.patch(me.membership, json=VIEWER),
            [200, 409],
            ["owner", "viewer"],
        ),
        (
            lambda me, you: me.client.patch(you.membership, json=VIEWER),
            [200, 403],
            ["owner", "viewer"],
        ),
        (lambda me, you: me.client.delete(you.membership), [204, 404], ["owner"]),
    ],
    ids=["step down", "demote each other", "remove each other"],
)
async def test_two_owners_act(
    committed_service: Service,
    owners: list[Owner],
    at_once: AtOnce,
    act: Callable[[Owner, Owner], Awaitable[Response]],
    statuses: list[int],
    roles: list[str],
) -> None:
    one, other = owners

    answers = await at_once(act(one, other), act(other, one))

    assert sorted(answers) == statuses
    assert await roles_in(committed_service) == roles


async def test_owner_transfers_to_one_who_leaves(
    committed_service: Service, owners: list[Owner], at_once: AtOnce
) -> None:
    """The second request sees the result of the first."""
    one, other = owners

    handed, left = await at_once(
        one.client.post(f"{ORGANIZATION}/transfer", json={"user_id": str(other.user.id)}),
        other.client.post(f"{ORGANIZATION}/leave"),
    )

    assert (handed, left) in {(200, 409), (404, 204)}
    assert "owner" in await roles_in(committed_service)


async def test_owner_leaves_while_the_other_is_deleted(
    committed_service: Service, owners: list[Owner], at_once: AtOnce
) -> None:
    administrator = await committed_service.sign_in(await committed_service.make(make_admin))
    one, other = owners

    statuses = await at_once(
        one.client.post(f"{ORGANIZATION}/leave"),
        administrator.delete(f"/api/v1/users/{other.user.id}"),
    )

    assert sorted(statuses) == [204, 409]
    assert await roles_in(committed_service) == ["owner"]


async def test_user_is_added_while_being_deleted(
    committed_service: Service, owners: list[Owner], at_once: AtOnce
) -> None:
    administrator = await committed_service.sign_in(await committed_service.make(make_admin))
    newcomer = await committed_service.make(make_user)

    added, deleted = await at_once(
        owners[0].client.post(f"{ORGANIZATION}/members/", json={"user_id": str(newcomer.id)}),
        administrator.delete(f"/api/v1/users/{newcomer.id}"),
    )

    assert added in {201, 404}
    assert deleted == 204
    assert await roles_in(committed_service) == ["owner", "owner"]
