from app.api.callers import AdminAccess, CurrentUser, OwnerAccess, SessionUser, ViewerAccess
from app.api.deps import DB
from app.api.errors import problems
from app.api.idempotency import Idempotency
from app.api.paging import Pagination
from app.api.resources import AppResources
from app.api.routing import Router
from app.schemas.organization import (
    OrganizationCreate,
    OrganizationResponse,
    OrganizationUpdate,
    OwnershipTransfer,
)
from app.schemas.paging import PaginatedResponse
from app.services import memberships, organizations

router = Router(
    prefix="/organizations",
    tags=["organizations"],
    responses=problems(401, 403),
)


@router.post("/", summary="Create an organization", status_code=201, responses=problems(409))
async def create_organization(
    db: DB, user: CurrentUser, idempotency: Idempotency, body: OrganizationCreate
) -> OrganizationResponse:
    """Create an organization that the caller owns. Its slug is used in URLs and never changes."""
    return await organizations.create(db, user, body)


@router.get("/", summary="List my organizations")
async def list_organizations(
    db: DB, user: CurrentUser, pagination: Pagination
) -> PaginatedResponse[OrganizationResponse]:
    """The organizations that the caller is a member of, newest first."""
    return await organizations.list_for_user(db, user.id, pagination)


@router.get("/{slug}", summary="Read an organization", responses=problems(404))
async def read_organization(
    db: DB, access: ViewerAccess, resources: AppResources
) -> OrganizationResponse:
    """Read an organization. Members only: anyone else gets 404."""
    return await resources.stores.organization_details(db, access)


@router.patch("/{slug}", summary="Change an organization", responses=problems(404))
async def update_organization(
    db: DB, access: AdminAccess, body: OrganizationUpdate
) -> OrganizationResponse:
    """Change the name. Admins and owners only."""
    return await organizations.update(db, access, body)


@router.delete(
    "/{slug}", summary="Delete an organization", status_code=204, responses=problems(404)
)
async def delete_organization(db: DB, user: SessionUser, access: OwnerAccess) -> None:
    """Delete it with everything in it, and free its slug. Owners only; API keys are rejected."""
    await organizations.delete(db, access)


@router.post(
    "/{slug}/leave", summary="Leave an organization", status_code=204, responses=problems(404, 409)
)
async def leave_organization(db: DB, access: ViewerAccess) -> None:
    """End the caller's membership. 409 for the last owner."""
    await memberships.remove(db, access, access.user_id)


@router.post("/{slug}/transfer", summary="Transfer ownership", responses=problems(404, 409))
async def transfer_ownership(
    db: DB, user: SessionUser, access: OwnerAccess, body: OwnershipTransfer
) -> OrganizationResponse:
    """Make a member an owner and the caller an admin. Owners only; API keys are rejected."""
    membership = await memberships.transfer_ownership(db, access, body.user_id)
    return await organizations.details(db, membership)
