"""Permissions: platform roles, ranked organization roles and API key scopes."""

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


class Scope(StrEnum):
    """What an API key may do, within the rights of its user."""

    READ = "read"
    WRITE = "write"
    """Every method that may change data."""
    ADMIN = "admin"
    """Administrator operations, in addition to the scope for the method."""


_RANKS = {
    MemberRole.OWNER: 3,
    MemberRole.ADMIN: 2,
    MemberRole.MEMBER: 1,
    MemberRole.VIEWER: 0,
}


def may_manage(actor: MemberRole, member: MemberRole) -> bool:
    """Return whether `actor` may remove `member` or change their role.

    Owners may manage everyone, admins those below them.
    """
    if actor is MemberRole.OWNER:
        return True
    return actor is MemberRole.ADMIN and member.rank < actor.rank


def may_grant(actor: MemberRole, role: MemberRole) -> bool:
    """Return whether `actor` may grant `role`: owners and admins, up to their own role."""
    return actor.rank >= MemberRole.ADMIN.rank and role.rank <= actor.rank
