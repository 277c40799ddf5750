from uuid import UUID

from app.api.callers import Claims, ConfirmPassword, CurrentUser, SessionUser
from app.api.deps import DB, Tasks
from app.api.errors import problems
from app.api.paging import Pagination
from app.api.rate_limit import Policy
from app.api.resources import AppResources
from app.api.routing import Router
from app.models import User
from app.schemas.api_key import ApiKeyCreate, ApiKeyCreated, ApiKeyResponse
from app.schemas.common import Accepted
from app.schemas.me import (
    AccountDeletion,
    EmailChange,
    PasswordChange,
    SessionResponse,
    UserUpdateMe,
    UserWithOrganizations,
)
from app.schemas.paging import PaginatedResponse
from app.schemas.user import UserResponse
from app.services import api_keys, email_addresses, logins, users
from app.services import passwords as user_passwords
from app.tasks.mail import (
    send_email_change_notice,
    send_email_change_token,
    send_password_changed_email,
)

router = Router(prefix="/users/me", responses=problems(401, 403))


@router.get("", summary="Read my profile", tags=["users"])
async def read_me(db: DB, user: CurrentUser) -> UserWithOrganizations:
    """The caller's account, with their organizations and their role in each."""
    organizations = await users.list_organizations(db, user.id)
    profile = UserResponse.model_validate(user).model_dump()
    return UserWithOrganizations(**profile, organizations=organizations)


@router.patch("", summary="Change my profile", response_model=UserResponse, tags=["users"])
async def update_me(db: DB, user: SessionUser, body: UserUpdateMe) -> User:
    """Change the caller's name. Only administrators can change a role or deactivate a user."""
    return await users.update_me(db, user, body)


@router.delete(
    "", summary="Delete my account", tags=["users"], status_code=204, responses=problems(409)
)
async def delete_me(db: DB, confirm: ConfirmPassword, body: AccountDeletion) -> None:
    """Delete the account, revoke its sessions and API keys, and free its email address.

    Requires the password: 403 if it is wrong, 429 after too many attempts. 409 for the last
    administrator, and for the only owner of an organization, which the response names.
    """
    user = await confirm(body.password)
    await users.delete(db, user.id)


@router.post("/password", summary="Change my password", tags=["passwords"], status_code=204)
async def change_password(
    db: DB,
    claims: Claims,
    confirm: ConfirmPassword,
    resources: AppResources,
    queue: Tasks,
    body: PasswordChange,
) -> None:
    """Change the password and revoke every other session. API keys remain valid.

    403 for a wrong current password; 429 after too many attempts.
    """
    user = await confirm(body.current_password)
    password = body.new_password.get_secret_value()
    await user_passwords.change(db, resources.passwords, user, password, keep=claims.session_id)
    queue.enqueue(send_password_changed_email, str(claims.user_id))


@router.post("/email", summary="Change my email address", tags=["email addresses"], status_code=202)
async def request_email_change(
    db: DB,
    confirm: ConfirmPassword,
    resources: AppResources,
    queue: Tasks,
    body: EmailChange,
) -> Accepted:
    """Send a token for `POST /auth/confirm-email` to the new address, and a notice to the old one.

    The address changes once it is confirmed. Requires the password: 403 if it is wrong, 429 after
    too many attempts.
    """
    user = await confirm(body.password)
    limiter = resources.limiter
    # One account must not flood many addresses, nor many accounts one address.
    await limiter.count(Policy.MAIL, f"change-by:{user.id}")
    await limiter.count_mail("change", body.email)
    token_id = await email_addresses.request_change(db, user.id, body.email)
    queue.enqueue(send_email_change_token, str(token_id))
    queue.enqueue(send_email_change_notice, str(user.id))
    return Accepted()


@router.get("/sessions", summary="List my sessions", tags=["sessions"])
async def list_sessions(
    db: DB, user: SessionUser, claims: Claims, pagination: Pagination
) -> PaginatedResponse[SessionResponse]:
    """The caller's open sessions, most recently used first."""
    return await logins.list_open(db, user.id, pagination, current=claims.session_id)


@router.delete(
    "/sessions/{session_id}",
    summary="Revoke a session",
    tags=["sessions"],
    status_code=204,
    responses=problems(404),
)
async def revoke_session(db: DB, user: SessionUser, session_id: UUID) -> None:
    """Revoke one of the caller's sessions and its tokens immediately."""
    await logins.revoke_of_user(db, user.id, session_id)


@router.post(
    "/api-keys/",
    summary="Create an API key",
    tags=["API keys"],
    status_code=201,
    responses=problems(409),
)
async def create_api_key(db: DB, user: SessionUser, body: ApiKeyCreate) -> ApiKeyCreated:
    """Create a key that acts as the caller, within its scopes. It is shown only once.

    Send it as `Authorization: Bearer …` in place of an access token. A key cannot change the
    account itself, revoke its sessions or manage keys: that requires a login. 409 if there are
    already 50 keys.
    """
    return await api_keys.create(db, user, body)


@router.get("/api-keys/", summary="List my API keys", tags=["API keys"])
async def list_api_keys(
    db: DB, user: SessionUser, pagination: Pagination
) -> PaginatedResponse[ApiKeyResponse]:
    """Unrevoked keys that act as the caller, newest first, including those for organizations."""
    return await api_keys.list_keys(db, api_keys.of_user(user.id), pagination)


@router.delete(
    "/api-keys/{key_id}",
    summary="Revoke an API key",
    tags=["API keys"],
    status_code=204,
    responses=problems(404),
)
async def revoke_api_key(db: DB, user: SessionUser, key_id: UUID) -> None:
    """Revoke the key immediately and permanently."""
    await api_keys.revoke(db, api_keys.of_user(user.id), key_id)
