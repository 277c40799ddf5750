from uuid import UUID

from fastapi import Depends

from app.api.callers import AdminAccess, get_session_user
from app.api.deps import DB
from app.api.errors import problems
from app.api.paging import Pagination
from app.api.routing import Router
from app.schemas.api_key import ApiKeyCreate, ApiKeyCreated, ApiKeyResponse
from app.schemas.paging import PaginatedResponse
from app.services import api_keys

router = Router(
    prefix="/organizations/{slug}/api-keys",
    tags=["API keys"],
    dependencies=[Depends(get_session_user)],
    responses=problems(401, 403, 404),
)


@router.post(
    "/", summary="Create an API key of an organization", status_code=201, responses=problems(409)
)
async def create_organization_api_key(
    db: DB, access: AdminAccess, body: ApiKeyCreate
) -> ApiKeyCreated:
    """It acts in the caller's name, with the caller's role, in this organization and nowhere else.
    It is shown this once. Admins and owners only.

    409 if the organization has 50 keys already.
    """
    return await api_keys.create_for_organization(db, access, body)


@router.get("/", summary="List the API keys of an organization")
async def list_organization_api_keys(
    db: DB, access: AdminAccess, pagination: Pagination
) -> PaginatedResponse[ApiKeyResponse]:
    """Everybody's keys for this organization that are not revoked, newest first. Admins and owners
    only."""
    keys = api_keys.of_organization(access.organization_id)
    return await api_keys.list_keys(db, keys, pagination)


@router.delete("/{key_id}", summary="Revoke an API key of an organization", status_code=204)
async def revoke_organization_api_key(db: DB, access: AdminAccess, key_id: UUID) -> None:
    """Revokes any member's key immediately and permanently. Admins and owners only."""
    await api_keys.revoke(db, api_keys.of_organization(access.organization_id), key_id)
