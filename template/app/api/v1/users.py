from typing import Annotated
from uuid import UUID

from fastapi import Query

from app.api.callers import AdminUser
from app.api.deps import DB
from app.api.errors import problems
from app.api.idempotency import Idempotency
from app.api.paging import Pagination
from app.api.resources import AppResources
from app.api.routing import Router
from app.core.roles import UserRole
from app.models import User
from app.schemas.paging import PaginatedResponse
from app.schemas.strings import SafeStr
from app.schemas.user import UserCreate, UserResponse, UserUpdate
from app.services import users
from app.services.users import NewUser

router = Router(
    prefix="/users",
    tags=["users"],
    responses=problems(401, 403),
)


@router.get("/", summary="List users")
async def list_users(
    db: DB,
    admin: AdminUser,
    pagination: Pagination,
    search: Annotated[
        SafeStr | None,
        Query(min_length=2, max_length=100, description="Part of the name or email"),
    ] = None,
    role: Annotated[UserRole | None, Query(description="Only users with this role")] = None,
    is_active: Annotated[bool | None, Query(description="Filter by active state")] = None,
) -> PaginatedResponse[UserResponse]:
    """All users, newest first; `search` is case-insensitive. Administrators only."""
    return await users.list_users(db, pagination, search=search, role=role, is_active=is_active)


@router.get(
    "/{user_id}", summary="Read a user", response_model=UserResponse, responses=problems(404)
)
async def read_user(db: DB, admin: AdminUser, user_id: UUID) -> User:
    """Any user by id. Administrators only."""
    return await users.get(db, user_id)


@router.post(
    "/",
    summary="Create a user",
    status_code=201,
    response_model=UserResponse,
    responses=problems(409),
)
async def create_user(
    db: DB,
    resources: AppResources,
    admin: AdminUser,
    idempotency: Idempotency,
    body: UserCreate,
) -> User:
    """Create an account with any role. Administrators only."""
    new = NewUser(
        email=body.email,
        name=body.name,
        password=body.password,
        role=body.role,
        is_active=body.is_active,
        verified=True,
    )
    return await users.create(db, resources.passwords, new)


@router.patch(
    "/{user_id}", summary="Change a user", response_model=UserResponse, responses=problems(404, 409)
)
async def update_user(db: DB, admin: AdminUser, user_id: UUID, body: UserUpdate) -> User:
    """Change the role, or deactivate or reactivate the user. Administrators only.

    Revokes the user's sessions, and on deactivation their API keys. 409 for the caller's own
    account.
    """
    return await users.update(db, user_id, body, admin=admin)


@router.delete("/{user_id}", summary="Delete a user", status_code=204, responses=problems(404, 409))
async def delete_user(db: DB, admin: AdminUser, user_id: UUID) -> None:
    """Mark the user as deleted and free the email for a new account. Administrators only.

    409 for the caller's own account and for the only owner of an organization.
    """
    await users.delete(db, user_id, admin=admin)
