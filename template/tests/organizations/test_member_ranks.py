"""Who may add, change and remove whom in an organization."""

from itertools import product

import pytest

from app.core.roles import MemberRole, may_grant, may_manage
from app.models import User
from tests.support.members import NewMember

URL = "/api/v1/organizations/acme/members/"
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
