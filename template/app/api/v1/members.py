from uuid import UUID

from fastapi import APIRouter, status

from app.api.deps import DB
from app.api.errors import problems
from app.api.idempotency import Idempotency, IdempotentRoute
from app.api.paging import Pagination
from app.api.tenancy import AdminAccess, ViewerAccess
from app.models import Membership
from app.schemas.common import PaginatedResponse
from app.schemas.organization import MemberCreate, MemberResponse, MemberUpdate
from app.services import memberships

router = APIRouter(
    prefix="/organizations/{slug}/members",
    tags=["members"],
    responses=problems(401, 403, 404),
    route_class=IdempotentRoute,
)


@router.get("/", summary="List members")
async def list_members(
    db: DB, access: ViewerAccess, pagination: Pagination
) -> PaginatedResponse[MemberResponse]:
    """The members of an organization, longest-standing first."""
    rows, total = await memberships.list_members(db, access.organization_id, pagination)
    return PaginatedResponse.create([_response(row) for row in rows], total, pagination)


@router.post(
    "/",
    summary="Add a member",
    status_code=status.HTTP_201_CREATED,
    responses=problems(409),
)
async def add_member(
    db: DB, access: AdminAccess, idempotency: Idempotency, body: MemberCreate
) -> MemberResponse:
    """Adds an existing user, in a role not above the caller's. Admins and owners only."""
    return _response(await memberships.add(db, access, body))


@router.patch("/{user_id}", summary="Change a member's role", responses=problems(409))
async def update_member(
    db: DB, access: AdminAccess, user_id: UUID, body: MemberUpdate
) -> MemberResponse:
    """Owners may change every role, admins the roles below their own.

    409 for the last owner.
    """
    return _response(await memberships.change_role(db, access, user_id, body.role))


@router.delete(
    "/{user_id}",
    summary="Remove a member",
    status_code=status.HTTP_204_NO_CONTENT,
    responses=problems(409),
)
async def remove_member(db: DB, access: ViewerAccess, user_id: UUID) -> None:
    """Owners may remove everyone, admins those below them, and all members themselves.

    409 for the last owner.
    """
    await memberships.remove(db, access, user_id)


def _response(membership: Membership) -> MemberResponse:
    return MemberResponse(
        user_id=membership.user_id,
        organization_id=membership.organization_id,
        role=membership.role,
        joined_at=membership.joined_at,
        name=membership.user.name,
        email=membership.user.email,
    )
