"""Who may do what to whom in an organization: every case of the two rules."""

from itertools import product

import pytest

from app.core.roles import MemberRole, may_grant, may_manage

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
