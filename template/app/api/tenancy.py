"""Tenancy: the signature of an organization's route names the lowest role that may call it.

The value is the caller's membership, with its organization. Non-members get 404.
"""

from collections.abc import Awaitable, Callable
from typing import Annotated

from fastapi import Depends, Path

from app.api.deps import DB, Caller
from app.core.errors import Forbidden, NotFound
from app.core.roles import MemberRole
from app.models import Membership
from app.services import organizations

OrganizationSlug = Annotated[
    str, Path(max_length=100, description="The organization's slug", examples=["acme"])
]


async def get_membership(db: DB, caller: Caller, slug: OrganizationSlug) -> Membership:
    membership = await organizations.get_membership(db, slug, caller.user.id)
    if not caller.may_enter(membership.organization_id):
        raise NotFound("Organization not found")
    return membership


def require_member(least: MemberRole) -> Callable[[Membership], Awaitable[Membership]]:
    async def check(
        membership: Annotated[Membership, Depends(get_membership)],
    ) -> Membership:
        if membership.role.rank < least.rank:
            raise Forbidden
        return membership

    return check


ViewerAccess = Annotated[Membership, Depends(require_member(MemberRole.VIEWER))]
MemberAccess = Annotated[Membership, Depends(require_member(MemberRole.MEMBER))]
AdminAccess = Annotated[Membership, Depends(require_member(MemberRole.ADMIN))]
OwnerAccess = Annotated[Membership, Depends(require_member(MemberRole.OWNER))]
