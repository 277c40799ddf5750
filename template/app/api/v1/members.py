from uuid import UUID

from app.api.callers import AdminAccess, ViewerAccess
from app.api.deps import DB
from app.api.errors import problems
from app.api.idempotency import Idempotency
from app.api.paging import Pagination
from app.api.routing import Router
from app.models import Membership
from app.schemas.organization import MemberCreate, MemberResponse, MemberUpdate
from app.schemas.paging import PaginatedResponse
from app.services import memberships

router = Router(
    prefix="/organizations/{slug}/members",
    tags=["members"],
    responses=problems(401, 403, 404),
)


@router.get("/", summary="List members")
async def list_members(
    db: DB, access: ViewerAccess, pagination: Pagination
) -> PaginatedResponse[MemberResponse]:
    """The members of an organization, longest-standing first."""
    return await memberships.list_members(db, access.organization_id, pagination)


@router.post(
    "/",
    summary="Add a member",
    status_code=201,
    response_model=MemberResponse,
    responses=problems(409),
)
async def add_member(
    db: DB, access: AdminAccess, idempotency: Idempotency, body: MemberCreate
) -> Membership:
    """Add an existing user with a role not above the caller's. Admins and owners only."""
    return await memberships.add(db, access, body)


@router.patch(
    "/{user_id}",
    summary="Change a member's role",
    response_model=MemberResponse,
    responses=problems(409),
)
async def update_member(
    db: DB, access: AdminAccess, user_id: UUID, body: MemberUpdate
) -> Membership:
    """Change a role: owners can change any, admins only those below their own.

    409 for the last owner.
    """
    return await memberships.change_role(db, access, user_id, body.role)


@router.delete("/{user_id}", summary="Remove a member", status_code=204, responses=problems(409))
async def remove_member(db: DB, access: ViewerAccess, user_id: UUID) -> None:
    """Remove a member: owners can remove anyone, admins those below them, members themselves.

    409 for the last owner.
    """
    await memberships.remove(db, access, user_id)
