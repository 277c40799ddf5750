from typing import Any

from fastapi import APIRouter, Depends, Response, status
from fastapi.responses import JSONResponse

from app.api.address import UserAgent
from app.api.deps import DB, AppPasswords, AppSettings, Claims, Tasks
from app.api.errors import problems
from app.api.idempotency import IdempotentRoute, PublicIdempotency
from app.api.rate_limit import Limiter, Policy, limit_address
from app.models import User
from app.schemas.auth import LoginRequest, RefreshRequest, RegisterRequest, TokenResponse
from app.schemas.common import Accepted
from app.schemas.strings import normalize_email
from app.schemas.user import UserResponse
from app.services import audit, auth, sessions, users
from app.services.refresh_tokens import TokenPair
from app.services.users import NewUser
from app.tasks.email import send_account_exists_email, send_welcome_email

ACCEPTED: dict[int | str, dict[str, Any]] = {202: {"model": Accepted, "description": "Accepted"}}

router = APIRouter(prefix="/auth", tags=["auth"], route_class=IdempotentRoute)


@router.post(
    "/register",
    summary="Register",
    status_code=status.HTTP_201_CREATED,
    response_model=UserResponse,
    responses=problems(409) | ACCEPTED,
    dependencies=[Depends(limit_address(Policy.REGISTER))],
)
async def register(
    db: DB,
    passwords: AppPasswords,
    settings: AppSettings,
    limiter: Limiter,
    queue: Tasks,
    idempotency: PublicIdempotency,
    body: RegisterRequest,
) -> User | Response:
    """Creates a user account and mails a token to verify the e-mail. The role is always `user`.

    With `REGISTRATION_ENUMERATION_SAFE` the response is 202 whether or not the e-mail was
    registered already; only a mail to it tells.
    """
    new = NewUser(email=body.email, name=body.name, password=body.password)
    if settings.REGISTRATION_ENUMERATION_SAFE:
        await limiter.count(Policy.MAIL, f"register:{normalize_email(body.email)}")
        user = await users.register(db, passwords, new)
    else:
        user = await users.create(db, passwords, new)
    if user:
        queue.enqueue(send_welcome_email, str(user.id))
    elif known := await users.find_by_email(db, new.email):
        queue.enqueue(send_account_exists_email, str(known.id))
    if user and not settings.REGISTRATION_ENUMERATION_SAFE:
        return user
    return JSONResponse(Accepted().model_dump(), status.HTTP_202_ACCEPTED)


@router.post(
    "/login",
    summary="Log in",
    response_model=TokenResponse,
    responses=problems(401, 403, 503),
    dependencies=[Depends(limit_address(Policy.LOGIN))],
)
async def login(
    db: DB,
    passwords: AppPasswords,
    settings: AppSettings,
    limiter: Limiter,
    user_agent: UserAgent,
    body: LoginRequest,
) -> TokenPair:
    """Starts a session. Send the access token with each request as `Authorization: Bearer …`, and
    use the refresh token to get the next pair.

    401 for an unknown e-mail or a wrong password, 403 for a deactivated account, or for one whose
    e-mail is not verified where that is required. After too many
    failures an account accepts no login for a while (429); its open sessions are not affected.
    """
    account = normalize_email(body.email)
    await limiter.count(Policy.LOGIN_FAILURES, account)
    user = await auth.authenticate(
        *(db, passwords),
        email=body.email,
        password=body.password.get_secret_value(),
        only_verified=settings.EMAIL_VERIFICATION_REQUIRED,
    )
    await limiter.reset(Policy.LOGIN_FAILURES, account)
    return await sessions.start(db, settings, user, user_agent=user_agent)


@router.post(
    "/refresh",
    summary="Refresh the tokens",
    response_model=TokenResponse,
    responses=problems(401),
    dependencies=[Depends(limit_address(Policy.REFRESH))],
)
async def refresh(db: DB, settings: AppSettings, body: RefreshRequest) -> TokenPair:
    """Exchanges a refresh token for a new pair. Each refresh token works once.

    Using one again ends the session, because it may have been stolen. If a response was lost, the
    same token may be sent again for a few seconds, as long as its successor has not been used.
    """
    return await sessions.refresh(db, settings, body.refresh_token.get_secret_value())


@router.post(
    "/logout",
    summary="Log out",
    status_code=status.HTTP_204_NO_CONTENT,
    responses=problems(401, 403),
)
async def logout(db: DB, claims: Claims) -> None:
    """Ends this session: its access and refresh tokens stop working at once.

    Logging out again is not an error.
    """
    audit.set_origin(db, actor_id=claims.user_id)
    await sessions.revoke(db, claims.session_id)
