"""Two owners act at once: exactly one request succeeds, and an owner remains."""

import asyncio
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from uuid import UUID

import pytest
from httpx import AsyncClient, Response
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.roles import MemberRole
from app.models import Membership, User
from app.services import organization as organizations
from tests.factories import add_member, make_admin, make_organization, make_user
from tests.service import Service

ORGANIZATION = "/api/v1/organizations/acme"


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


def statuses(answers: Iterable[Response]) -> list[int]:
    return sorted(answer.status_code for answer in answers)


@pytest.fixture
def meeting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both requests look who else is an owner before either goes on, if nothing keeps them apart.

    One that is kept waiting by the other does not come: then the other one goes on alone.
    """
    look, barrier = organizations.owned_alone, asyncio.Barrier(2)

    async def owned_alone(session: AsyncSession, user_id: UUID) -> dict[UUID, str]:
        alone = await look(session, user_id)
        with suppress(TimeoutError):
            async with asyncio.timeout(0.3):
                await barrier.wait()
        return alone

    monkeypatch.setattr(organizations, "owned_alone", owned_alone)


@pytest.mark.usefixtures("meeting")
async def test_two_owners_leave(committed_service: Service, owners: list[Owner]) -> None:
    answers = await asyncio.gather(
        *(owner.client.post(f"{ORGANIZATION}/leave") for owner in owners)
    )

    assert statuses(answers) == [204, 409]
    assert await roles_in(committed_service) == ["owner"]


async def test_two_owners_step_down(committed_service: Service, owners: list[Owner]) -> None:
    answers = await asyncio.gather(
        *(owner.client.patch(owner.membership, json={"role": "viewer"}) for owner in owners)
    )

    assert statuses(answers) == [200, 409]
    assert await roles_in(committed_service) == ["owner", "viewer"]


async def test_two_owners_demote_each_other(
    committed_service: Service, owners: list[Owner]
) -> None:
    one, other = owners

    answers = await asyncio.gather(
        one.client.patch(other.membership, json={"role": "viewer"}),
        other.client.patch(one.membership, json={"role": "viewer"}),
    )

    assert statuses(answers) == [200, 403]
    assert await roles_in(committed_service) == ["owner", "viewer"]


async def test_two_owners_remove_each_other(
    committed_service: Service, owners: list[Owner]
) -> None:
    one, other = owners

    answers = await asyncio.gather(
        one.client.delete(other.membership), other.client.delete(one.membership)
    )

    assert statuses(answers) == [204, 404]
    assert await roles_in(committed_service) == ["owner"]


async def test_an_owner_hands_on_to_somebody_who_leaves(
    committed_service: Service, owners: list[Owner]
) -> None:
    """Whoever comes second finds the other's deed done."""
    one, other = owners

    handed, left = await asyncio.gather(
        one.client.post(f"{ORGANIZATION}/transfer", json={"user_id": str(other.user.id)}),
        other.client.post(f"{ORGANIZATION}/leave"),
    )

    assert (handed.status_code, left.status_code) in {(200, 409), (404, 204)}
    assert "owner" in await roles_in(committed_service)


async def test_an_owner_leaves_while_the_other_one_is_deleted(
    committed_service: Service, owners: list[Owner]
) -> None:
    async with committed_service.database.write() as session:
        administrator = await committed_service.sign_in(await make_admin(session))
    one, other = owners

    answers = await asyncio.gather(
        one.client.post(f"{ORGANIZATION}/leave"),
        administrator.delete(f"/api/v1/users/{other.user.id}"),
    )

    assert statuses(answers) == [204, 409]
    assert await roles_in(committed_service) == ["owner"]


async def test_a_user_is_added_while_he_is_deleted(
    committed_service: Service, owners: list[Owner]
) -> None:
    async with committed_service.database.write() as session:
        administrator = await committed_service.sign_in(await make_admin(session))
        newcomer = await make_user(session)

    added, deleted = await asyncio.gather(
        owners[0].client.post(f"{ORGANIZATION}/members/", json={"user_id": str(newcomer.id)}),
        administrator.delete(f"/api/v1/users/{newcomer.id}"),
    )

    assert added.status_code in {201, 404}
    assert deleted.status_code == 204
    assert await roles_in(committed_service) == ["owner", "owner"]
