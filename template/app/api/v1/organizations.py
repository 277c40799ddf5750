from fastapi import APIRouter, status

from app.api.deps import DB, CurrentUser, Pagination
from app.api.errors import problems
from app.api.tenancy import AdminAccess, OwnerAccess, ViewerAccess
from app.schemas.common import PaginatedResponse
from app.schemas.organization import (
    OrganizationCreate,
    OrganizationResponse,
    OrganizationUpdate,
    OwnershipTransfer,
)
from app.services import membership as memberships
from app.services import organization as organizations

router = APIRouter(prefix="/organizations", tags=["organizations"], responses=problems(401, 403))


@router.post(
    "/",
    summary="Create an organization",
    status_code=status.HTTP_201_CREATED,
    responses=problems(409),
)
async def create_organization(
    db: DB, user: CurrentUser, body: OrganizationCreate
) -> OrganizationResponse:
    """The caller becomes its owner. The slug identifies it in URLs and never changes."""
    return await organizations.create(db, user, body)


@router.get("/", summary="List my organizations")
async def list_organizations(
    db: DB, user: CurrentUser, pagination: Pagination
) -> PaginatedResponse[OrganizationResponse]:
    """The organizations that the caller is a member of, newest first."""
    rows, total = await organizations.list_for_user(db, user.id, pagination)
    return PaginatedResponse.create(rows, total, pagination)


@router.get(
    "/{slug}",
    summary="Read an organization",
    responses=problems(404),
)
async def read_organization(db: DB, access: ViewerAccess) -> OrganizationResponse:
    """Members only; anyone else gets 404."""
    return await organizations.details(db, access)


@router.patch(
    "/{slug}",
    summary="Change an organization",
    responses=problems(404),
)
async def update_organization(
    db: DB, access: AdminAccess, body: OrganizationUpdate
) -> OrganizationResponse:
    """Changes the name. Admins and owners only."""
    return await organizations.update(db, access, body)


@router.delete(
    "/{slug}",
    summary="Delete an organization",
    status_code=status.HTTP_204_NO_CONTENT,
    responses=problems(404),
)
async def delete_organization(db: DB, access: OwnerAccess) -> None:
    """Deletes it with everything in it; the slug becomes free. Owners only."""
    await organizations.delete(db, access.organization)


@router.post(
    "/{slug}/leave",
    summary="Leave an organization",
    status_code=status.HTTP_204_NO_CONTENT,
    responses=problems(404, 409),
)
async def leave_organization(db: DB, access: ViewerAccess) -> None:
    """Ends the caller's membership. 409 for the last owner."""
    await memberships.remove(db, access, access.user_id)


@router.post(
    "/{slug}/transfer",
    summary="Transfer ownership",
    responses=problems(404, 409),
)
async def transfer_ownership(
    db: DB, access: OwnerAccess, body: OwnershipTransfer
) -> OrganizationResponse:
    """Makes a member an owner and the caller an admin. Owners only."""
    membership = await memberships.transfer_ownership(db, access, body.user_id)
    return await organizations.details(db, membership)
