from uuid import UUID

from fastapi import APIRouter, status

from app.api.deps import DB, SessionUser
from app.api.errors import problems
from app.api.paging import Pagination
from app.schemas.api_key import ApiKeyCreate, ApiKeyCreated, ApiKeyResponse
from app.schemas.common import PaginatedResponse
from app.services import api_keys

router = APIRouter(prefix="/users/me/api-keys", tags=["API keys"], responses=problems(401, 403))


@router.post(
    "/",
    summary="Create an API key",
    status_code=status.HTTP_201_CREATED,
    responses=problems(409),
)
async def create_api_key(db: DB, user: SessionUser, body: ApiKeyCreate) -> ApiKeyCreated:
    """A program sends the key as `Authorization: Bearer …`, in place of an access token, and acts
    in the caller's name, within the key's scopes. It is shown this once.

    No key can change the account itself, end its sessions or manage keys: that needs a login.
    409 if there are 50 keys already.
    """
    key, secret = await api_keys.create(db, user, body)
    return ApiKeyCreated(**ApiKeyResponse.model_validate(key).model_dump(), key=secret)


@router.get("/", summary="List my API keys")
async def list_api_keys(
    db: DB, user: SessionUser, pagination: Pagination
) -> PaginatedResponse[ApiKeyResponse]:
    """All keys that act in the caller's name and are not revoked, newest first; those that were
    made for an organization as well."""
    rows, total = await api_keys.list_keys(db, api_keys.of_user(user.id), pagination)
    return PaginatedResponse.create(
        [ApiKeyResponse.model_validate(row) for row in rows], total, pagination
    )


@router.delete(
    "/{key_id}",
    summary="Revoke an API key",
    status_code=status.HTTP_204_NO_CONTENT,
    responses=problems(404),
)
async def revoke_api_key(db: DB, user: SessionUser, key_id: UUID) -> None:
    """It stops working at once, for ever."""
    await api_keys.revoke(db, api_keys.of_user(user.id), key_id)
