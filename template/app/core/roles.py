"""Who may do what: the platform's roles, and the ranks inside an organization."""

from enum import StrEnum


class UserRole(StrEnum):
    USER = "user"
    ADMIN = "admin"


class MemberRole(StrEnum):
    OWNER = "owner"
    ADMIN = "admin"
    MEMBER = "member"
    VIEWER = "viewer"

    @property
    def rank(self) -> int:
        return _RANKS[self]


_RANKS = {
    MemberRole.OWNER: 3,
    MemberRole.ADMIN: 2,
    MemberRole.MEMBER: 1,
    MemberRole.VIEWER: 0,
}


def may_manage(actor: MemberRole, member: MemberRole, new_role: MemberRole | None = None) -> bool:
    """Whether `actor` may remove `member`, or give him `new_role`.

    Owners manage everyone. Admins manage those who rank below them, and grant no more than their
    own role. Nobody else manages anyone.
    """
    if actor is MemberRole.OWNER:
        return True
    if actor is not MemberRole.ADMIN or member.rank >= actor.rank:
        return False
    return new_role is None or new_role.rank <= actor.rank


def may_grant(actor: MemberRole, role: MemberRole) -> bool:
    """Whether `actor` may bring a newcomer into the organization with `role`."""
    return actor.rank >= MemberRole.ADMIN.rank and role.rank <= actor.rank
