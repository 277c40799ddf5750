import asyncio
from itertools import product
from typing import Any
from uuid import uuid4

import pytest
from httpx import AsyncClient
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.clock import utc_now
from app.core.roles import MemberRole, may_grant, may_manage
from app.models import Organization, User
from tests.support.factories import make_admin, make_member, make_owner, make_user
from tests.support.members import NewMember
from tests.support.service import Service, assert_problem

URL = "/api/v1/organizations/acme/members/"

pytestmark = pytest.mark.usefixtures("organization")
OWNER, ADMIN, MEMBER, VIEWER = MemberRole

MANAGES = {
    OWNER: {OWNER, ADMIN, MEMBER, VIEWER},
    ADMIN: {MEMBER, VIEWER},
    MEMBER: set(),
    VIEWER: set(),
}
GRANTS = {
    OWNER: {OWNER, ADMIN, MEMBER, VIEWER},
    ADMIN: {ADMIN, MEMBER, VIEWER},
    MEMBER: set(),
    VIEWER: set(),
}
PAIRS = list(product(MemberRole, repeat=2))


async def test_owner_adds_a_user_by_id(client: AsyncClient, user: User) -> None:
    response = await client.post(URL, json={"user_id": str(user.id)})

    assert response.status_code == 201
    member = response.json()
    assert member["user_id"] == str(user.id)
    assert member["role"] == "member"
    assert member["email"] == user.email
    assert (await client.get(URL)).json()["data"][1] == member


async def test_adding_by_email_reveals_no_account(client: AsyncClient, user: User) -> None:
    known = await client.post(URL, json={"email": user.email})
    unknown = await client.post(URL, json={"email": "nobody@example.com"})

    assert (known.status_code, known.json()["detail"]) == (422, unknown.json()["detail"])


async def test_concurrent_changes_are_counted(committed_service: Service) -> None:
    client = await committed_service.sign_in(await committed_service.make(make_owner))
    users = [await committed_service.make(make_user) for _ in range(3)]
    before = (await client.get("/api/v1/organizations/acme")).json()

    await asyncio.gather(*(client.post(URL, json={"user_id": str(each.id)}) for each in users))
    joined = (await client.get("/api/v1/organizations/acme")).json()
    await asyncio.gather(*(client.delete(f"{URL}{each.id}") for each in users[:2]))
    left = (await client.get("/api/v1/organizations/acme")).json()

    assert [each["member_count"] for each in (before, joined, left)] == [1, 4, 2]
    assert left["updated_at"] == before["updated_at"]


@pytest.mark.parametrize("columns", [{"deleted_at": utc_now()}, {"is_active": False}, None])
async def test_missing_or_inactive_user_is_not_found(
    columns: dict[str, Any] | None, client: AsyncClient, session: AsyncSession
) -> None:
    user_id = uuid4() if columns is None else (await make_user(session, **columns)).id

    assert_problem(await client.post(URL, json={"user_id": str(user_id)}), 404, "User not found")


async def test_member_cannot_be_added_again(client: AsyncClient, user: User) -> None:
    await client.post(URL, json={"user_id": str(user.id)})

    response = await client.post(URL, json={"user_id": str(user.id), "role": "viewer"})

    assert_problem(response, 409, "The user is already a member")
    assert (await client.get(URL)).json()["data"][1]["role"] == "member"


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"role": "viewer"},
        {"user_id": None},
        {"user_id": "somebody"},
        {"user_id": "\u0000"},
        {"user_id": str(uuid4()), "role": "king"},
        {"user_id": str(uuid4()), "role": None},
        {"user_id": str(uuid4()), "joined_at": "2020-01-01T00:00:00Z"},
    ],
)
async def test_invalid_member_gets_422(body: object, client: AsyncClient) -> None:
    assert (await client.post(URL, json=body)).status_code == 422


@pytest.mark.parametrize(
    "body", [{}, {"role": None}, {"role": "king"}, {"role": "admin", "name": "x"}]
)
async def test_invalid_role_gets_422(body: object, client: AsyncClient, owner: User) -> None:
    assert (await client.patch(f"{URL}{owner.id}", json=body)).status_code == 422


async def test_members_are_listed_longest_standing_first(
    client: AsyncClient, session: AsyncSession, organization: Organization, owner: User
) -> None:
    second = await make_member(session, organization, MemberRole.VIEWER)
    third = await make_member(session, organization)

    first_page = (await client.get(URL, params={"limit": 2})).json()
    last_page = (await client.get(URL, params={"limit": 2, "page": 2})).json()

    assert [row["user_id"] for row in first_page["data"]] == [str(owner.id), str(second.id)]
    assert [row["user_id"] for row in last_page["data"]] == [str(third.id)]
    assert (first_page["total"], first_page["total_pages"], last_page["has_more"]) == (3, 2, False)
    assert first_page["data"][0]["name"] == owner.name
    assert first_page["data"][0]["role"] == "owner"


async def test_admin_of_the_platform_is_no_member(service: Service, session: AsyncSession) -> None:
    administrator = await service.sign_in(await make_admin(session))

    assert (await administrator.get(URL)).status_code == 404


async def test_concurrent_requests_add_a_member_once(committed_service: Service) -> None:
    client = await committed_service.sign_in(await committed_service.make(make_owner))
    body = {"user_id": str((await committed_service.make(make_user)).id)}

    answers = await asyncio.gather(*(client.post(URL, json=body) for _ in range(2)))

    assert sorted(answer.status_code for answer in answers) == [201, 409]


def test_roles_are_ordered() -> None:
    assert sorted(MemberRole, key=lambda role: role.rank) == [VIEWER, MEMBER, ADMIN, OWNER]


@pytest.mark.parametrize(("actor", "member"), PAIRS)
def test_owners_manage_all_and_admins_those_below(actor: MemberRole, member: MemberRole) -> None:
    assert may_manage(actor, member) == (member in MANAGES[actor])


@pytest.mark.parametrize(("actor", "role"), PAIRS)
def test_role_above_their_own_cannot_be_granted(actor: MemberRole, role: MemberRole) -> None:
    assert may_grant(actor, role) == (role in GRANTS[actor])


@pytest.mark.parametrize(
    ("actor", "role", "status"),
    [(OWNER, OWNER, 201), (ADMIN, ADMIN, 201), (ADMIN, OWNER, 403), (MEMBER, VIEWER, 403)],
)
async def test_role_above_the_caller_cannot_be_added(
    actor: MemberRole, role: MemberRole, status: int, new_member: NewMember, user: User
) -> None:
    caller = await new_member(actor)

    response = await caller.client.post(URL, json={"user_id": str(user.id), "role": role})

    assert response.status_code == status


@pytest.mark.parametrize(
    ("actor", "member", "role", "status"),
    [
        (OWNER, OWNER, VIEWER, 200),
        (OWNER, MEMBER, OWNER, 200),
        (ADMIN, VIEWER, ADMIN, 200),
        (ADMIN, MEMBER, OWNER, 403),
        (ADMIN, ADMIN, VIEWER, 403),
        (ADMIN, OWNER, VIEWER, 403),
        (MEMBER, VIEWER, MEMBER, 403),
    ],
)
async def test_role_changes_only_as_the_ranks_allow(
    actor: MemberRole, member: MemberRole, role: MemberRole, status: int, new_member: NewMember
) -> None:
    client, user = (await new_member(actor)).client, (await new_member(member)).user

    assert (await client.patch(f"{URL}{user.id}", json={"role": role})).status_code == status
    listed = (await client.get(URL)).json()["data"]
    assert listed[-1]["role"] == (role if status == 200 else member)


@pytest.mark.parametrize(
    ("actor", "member", "status"),
    [
        (OWNER, OWNER, 204),
        (OWNER, ADMIN, 204),
        (ADMIN, MEMBER, 204),
        (ADMIN, ADMIN, 403),
        (ADMIN, OWNER, 403),
        (MEMBER, VIEWER, 403),
        (VIEWER, VIEWER, 403),
    ],
)
async def test_member_is_removed_only_as_the_ranks_allow(
    actor: MemberRole, member: MemberRole, status: int, new_member: NewMember
) -> None:
    caller, removed = await new_member(actor), await new_member(member)

    response = await caller.client.delete(f"{URL}{removed.user.id}")

    assert response.status_code == status
    sees = await removed.client.get("/api/v1/organizations/acme")
    assert sees.status_code == (404 if status == 204 else 200)
