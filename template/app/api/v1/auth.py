from fastapi import APIRouter, Depends, status

from app.api.deps import DB, AppPasswords, AppSettings, Claims, Tasks
from app.api.errors import problems
from app.api.rate_limit import Limiter, Policy, limit_address
from app.models import User
from app.schemas.auth import LoginRequest, RefreshRequest, RegisterRequest, TokenResponse
from app.schemas.strings import normalize_email
from app.schemas.user import UserResponse
from app.services import auth, session
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
    """Creates an account of one's own. Nobody becomes an administrator here."""
    user = await users.create(
        db,
        passwords,
        email=body.email,
        name=body.name,
        password=body.password.get_secret_value(),
    )
    queue.enqueue(send_welcome_email, to=user.email, name=user.name)
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
    """Starts a session: an access token for the calls, a refresh token for the next pair.

    The answer does not tell an unknown e-mail from a wrong password; 403 comes only after the right
    password of an account that has been deactivated. After too many failures an account takes no
    login for a while (429); sessions that it has go on.
    """
    account = normalize_email(body.email)
    await limiter.count(Policy.LOGIN_FAILURES, account)
    user = await auth.authenticate(
        db, passwords, email=body.email, password=body.password.get_secret_value()
    )
    await limiter.forget(Policy.LOGIN_FAILURES, account)
    return await session.start(db, settings, user)


@router.post(
    "/refresh",
    summary="Refresh",
    response_model=TokenResponse,
    responses=problems(401),
    dependencies=[Depends(limit_address(Policy.REFRESH))],
)
async def refresh(db: DB, settings: AppSettings, body: RefreshRequest) -> TokenPair:
    """Exchanges a refresh token for a new pair; it can be spent once.

    Whoever presents a spent one again ends the session, his own or the thief's. Only within
    `REFRESH_TOKEN_GRACE_SECONDS`, while its successor is unused, is it taken for a lost answer.
    """
    return await session.refresh(db, settings, body.refresh_token.get_secret_value())


@router.post(
    "/logout",
    summary="Log out",
    status_code=status.HTTP_204_NO_CONTENT,
    responses=problems(401),
)
async def logout(db: DB, claims: Claims) -> None:
    """Ends this session: its access and refresh tokens are worth nothing from now on.

    To log out once more is no error.
    """
    await session.revoke(db, claims.session_id)
