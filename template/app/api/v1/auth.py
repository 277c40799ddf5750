from fastapi import APIRouter, Depends, status

from app.api.deps import DB, AppPasswords, AppSettings, Claims, Tasks
from app.api.errors import problems
from app.api.rate_limit import Limiter, Policy, limit_address
from app.models import User
from app.schemas.auth import LoginRequest, RefreshRequest, RegisterRequest, TokenResponse
from app.schemas.strings import normalize_email
from app.schemas.user import UserResponse
from app.services import auth
from app.services import session as sessions
from app.services import user as users
from app.services.session import TokenPair
from app.tasks.email import send_welcome_email

router = APIRouter(prefix="/auth", tags=["auth"])


@router.post(
    "/register",
    summary="Register",
    status_code=status.HTTP_201_CREATED,
    response_model=UserResponse,
    responses=problems(409),
    dependencies=[Depends(limit_address(Policy.REGISTER))],
)
async def register(db: DB, passwords: AppPasswords, queue: Tasks, body: RegisterRequest) -> User:
    """Creates a user account and sends a welcome mail. The role is always `user`."""
    user = await users.create(
        db,
        passwords,
        email=body.email,
        name=body.name,
        password=body.password.get_secret_value(),
    )
    queue.enqueue(send_welcome_email, str(user.id))
    return user


@router.post(
    "/login",
    summary="Log in",
    response_model=TokenResponse,
    responses=problems(401, 403, 503),
    dependencies=[Depends(limit_address(Policy.LOGIN))],
)
async def login(
    db: DB, passwords: AppPasswords, settings: AppSettings, limiter: Limiter, body: LoginRequest
) -> TokenPair:
    """Starts a session. Send the access token with each request as `Authorization: Bearer …`, and
    use the refresh token to get the next pair.

    401 for an unknown e-mail or a wrong password, 403 for a deactivated account. After too many
    failures an account accepts no login for a while (429); its open sessions are not affected.
    """
    account = normalize_email(body.email)
    await limiter.count(Policy.LOGIN_FAILURES, account)
    user = await auth.authenticate(
        db, passwords, email=body.email, password=body.password.get_secret_value()
    )
    await limiter.reset(Policy.LOGIN_FAILURES, account)
    return await sessions.start(db, settings, user)


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
    await sessions.revoke(db, claims.session_id)
