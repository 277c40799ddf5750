"""An organization always has an owner: who may leave, and how ownership is transferred."""

from uuid import uuid4

import pytest
from httpx import AsyncClient
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.roles import MemberRole
from app.models import Membership, Organization, User
from tests.support.factories import make_member
from tests.support.members import NewMember

URL = "/api/v1/organizations/acme"
NEEDS_AN_OWNER = "An organization needs an owner; transfer ownership first"

pytestmark = pytest.mark.usefixtures("organization")


async def roles_of(session: AsyncSession) -> list[str]:
    return sorted(await session.scalars(select(Membership.role)))


@pytest.mark.parametrize("role", [MemberRole.ADMIN, MemberRole.MEMBER, MemberRole.VIEWER])
async def test_member_may_leave(
    role: MemberRole, new_member: NewMember, session: AsyncSession
) -> None:
    member = (await new_member(role)).client

    assert (await member.post(f"{URL}/leave")).status_code == 204
    assert (await member.get(URL)).status_code == 404
    assert await roles_of(session) == ["owner"]


async def test_member_may_remove_themselves(new_member: NewMember) -> None:
    viewer = await new_member(MemberRole.VIEWER)

    response = await viewer.client.delete(f"{URL}/members/{viewer.user.id}")

    assert response.status_code == 204


async def test_last_owner_cannot_leave_or_step_down(
    client: AsyncClient, session: AsyncSession, organization: Organization, owner: User
) -> None:
    await make_member(session, organization, MemberRole.ADMIN)
    me = f"{URL}/members/{owner.id}"

    answers = [
        await client.post(f"{URL}/leave"),
        await client.delete(me),
        await client.patch(me, json={"role": "admin"}),
    ]

    assert {answer.status_code for answer in answers} == {409}
    assert {answer.json()["detail"] for answer in answers} == {NEEDS_AN_OWNER}
    assert await roles_of(session) == ["admin", "owner"]


async def test_last_owner_may_keep_their_role(client: AsyncClient, owner: User) -> None:
    response = await client.patch(f"{URL}/members/{owner.id}", json={"role": "owner"})

    assert response.status_code == 200


async def test_one_of_two_owners_may_leave(client: AsyncClient, new_member: NewMember) -> None:
    other = await new_member(MemberRole.OWNER)

    assert (await client.post(f"{URL}/leave")).status_code == 204
    left = (await other.client.get(URL)).json()
    assert left["owner_id"] == str(other.user.id)
    assert left["member_count"] == 1


async def test_owner_transfers_an_organization(client: AsyncClient, new_member: NewMember) -> None:
    heir = await new_member(MemberRole.VIEWER)

    response = await client.post(f"{URL}/transfer", json={"user_id": str(heir.user.id)})

    assert response.status_code == 200
    assert response.json()["owner_id"] == str(heir.user.id)
    assert response.json()["role"] == "admin"
    assert (await heir.client.get(URL)).json()["role"] == "owner"


async def test_transfer_to_a_stranger_gets_404(
    client: AsyncClient, session: AsyncSession, user: User
) -> None:
    response = await client.post(f"{URL}/transfer", json={"user_id": str(user.id)})

    assert response.status_code == 404
    assert await roles_of(session) == ["owner"]


async def test_inactive_user_cannot_become_owner(
    client: AsyncClient, session: AsyncSession, organization: Organization
) -> None:
    heir = await make_member(session, organization, MemberRole.ADMIN)
    heir.is_active = False
    await session.commit()

    answers = [
        await client.post(f"{URL}/transfer", json={"user_id": str(heir.id)}),
        await client.patch(f"{URL}/members/{heir.id}", json={"role": "owner"}),
    ]

    assert [answer.status_code for answer in answers] == [409, 409]
    assert {answer.json()["detail"] for answer in answers} == {"The member's account is not active"}
    assert await roles_of(session) == ["admin", "owner"]


async def test_transfer_to_the_owner_is_a_conflict(client: AsyncClient, owner: User) -> None:
    response = await client.post(f"{URL}/transfer", json={"user_id": str(owner.id)})

    assert response.status_code == 409
    assert (await client.get(URL)).json()["role"] == "owner"


@pytest.mark.parametrize(
    "body", [{}, {"user_id": None}, {"user_id": "x"}, {"user_id": str(uuid4()), "role": "owner"}]
)
async def test_invalid_transfer_gets_422(body: object, client: AsyncClient) -> None:
    assert (await client.post(f"{URL}/transfer", json=body)).status_code == 422
