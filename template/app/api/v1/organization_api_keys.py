from uuid import UUID

from fastapi import Depends

from app.api.callers import AdminAccess, session_user
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
    dependencies=[Depends(session_user)],
    responses=problems(401, 403, 404),
)


@router.post(
    "/", summary="Create an API key for an organization", status_code=201, responses=problems(409)
)
async def create_organization_api_key(
    db: DB, access: AdminAccess, body: ApiKeyCreate
) -> ApiKeyCreated:
    """Create a key that acts as the caller in this organization only. Admins and owners only.

    It has the caller's role and is shown only once. 409 if the organization already has 50 keys.
    """
    return await api_keys.create_for_organization(db, access, body)


@router.get("/", summary="List an organization's API keys")
async def list_organization_api_keys(
    db: DB, access: AdminAccess, pagination: Pagination
) -> PaginatedResponse[ApiKeyResponse]:
    """Unrevoked keys of all members, newest first. Admins and owners only."""
    keys = api_keys.of_organization(access.organization_id)
    return await api_keys.list_keys(db, keys, pagination)


@router.delete("/{key_id}", summary="Revoke an organization's API key", status_code=204)
async def revoke_organization_api_key(db: DB, access: AdminAccess, key_id: UUID) -> None:
    """Revoke any member's key immediately and permanently. Admins and owners only."""
    await api_keys.revoke(db, api_keys.of_organization(access.organization_id), key_id)
