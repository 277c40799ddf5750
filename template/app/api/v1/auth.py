from typing import Any
from uuid import uuid4

from fastapi import Depends, Response
from fastapi.responses import JSONResponse

from app.api.address import Address, UserAgent
from app.api.callers import Claims, SessionUser
from app.api.deps import DB, Tasks, limit_address
from app.api.errors import problems
from app.api.idempotency import PublicIdempotency
from app.api.rate_limit import Policy
from app.api.resources import AppResources
from app.api.routing import Router
from app.models import User
from app.schemas.auth import (
    EmailVerification,
    ForgotPassword,
    LoginRequest,
    PasswordReset,
    RefreshRequest,
    RegisterRequest,
    TokenResponse,
)
from app.schemas.common import Accepted
from app.schemas.strings import normalize_email
from app.schemas.user import UserResponse
from app.services import audit, auth, email_addresses, logins, users
from app.services import passwords as user_passwords
from app.services.refresh_tokens import TokenPair
from app.services.users import NewUser
from app.tasks.mail import (
    send_account_exists_email,
    send_password_changed_email,
    send_password_reset_email,
    send_verification_email,
    send_welcome_email,
)

ACCEPTED: dict[int | str, dict[str, Any]] = {202: {"model": Accepted, "description": "Accepted"}}

router = Router(prefix="/auth")


@router.post(
    "/register",
    summary="Register",
    tags=["auth"],
    status_code=201,
    response_model=UserResponse,
    responses=problems(409) | ACCEPTED,
    dependencies=[Depends(limit_address(Policy.REGISTER))],
)
async def register(
    db: DB,
    resources: AppResources,
    queue: Tasks,
    idempotency: PublicIdempotency,
    body: RegisterRequest,
) -> User | Response | None:
    """Create an account with the role `user` and send a token to verify its email address.

    With `REGISTRATION_ENUMERATION_SAFE` the response is 202 whether or not the address is already
    registered; only the email sent to it reveals which.
    """
    new = NewUser(email=body.email, name=body.name, password=body.password)
    safe = resources.settings.REGISTRATION_ENUMERATION_SAFE
    if safe:
        await resources.limiter.count_mail("register", body.email)
    registration = await users.register(db, resources.passwords, new, enumeration_safe=safe)
    if user := registration.user:
        task = send_welcome_email if registration.created else send_account_exists_email
        queue.enqueue(task, str(user.id))
    return JSONResponse(Accepted().model_dump(), 202) if safe else user


@router.post(
    "/login",
    summary="Log in",
    tags=["auth"],
    response_model=TokenResponse,
    responses=problems(401, 403, 503),
    dependencies=[Depends(limit_address(Policy.LOGIN))],
)
async def login(
    db: DB,
    resources: AppResources,
    address: Address,
    user_agent: UserAgent,
    body: LoginRequest,
) -> TokenPair:
    """Start a session.

    Send the access token as `Authorization: Bearer …` with each request, and use the refresh token
    to get the next pair. 401 for an unknown email or a wrong password; 403 for a deactivated
    account, or for an unverified email where verification is required. After too many failures the
    account rejects logins for a while (429); its open sessions are not affected.
    """
    settings, limiter = resources.settings, resources.limiter
    account = normalize_email(body.email)
    await limiter.count(Policy.LOGIN_FAILURES, account)
    user = await auth.authenticate(
        db,
        resources.passwords,
        email=body.email,
        password=body.password.get_secret_value(),
        only_verified=settings.EMAIL_VERIFICATION_REQUIRED,
    )
    await limiter.reset(Policy.LOGIN_FAILURES, account)
    return await logins.start(db, settings, user, address=address, user_agent=user_agent)


@router.post(
    "/refresh",
    summary="Refresh tokens",
    tags=["auth"],
    response_model=TokenResponse,
    responses=problems(401),
    dependencies=[Depends(limit_address(Policy.REFRESH))],
)
async def refresh(
    db: DB, resources: AppResources, address: Address, body: RefreshRequest
) -> TokenPair:
    """Exchange a refresh token for a new pair. Each refresh token works once.

    Reusing one revokes the session, because it may have been stolen. If a response was lost, the
    same token can be sent again for a few seconds, as long as its successor is unused.
    """
    token = body.refresh_token.get_secret_value()
    return await logins.refresh(db, resources.settings, token, address=address)


@router.post(
    "/logout", summary="Log out", tags=["auth"], status_code=204, responses=problems(401, 403)
)
async def logout(db: DB, claims: Claims) -> None:
    """Revoke this session: its access and refresh tokens stop working immediately.

    Logging out again is not an error.
    """
    audit.set_origin(db, actor_id=claims.user_id)
    await logins.revoke(db, claims.session_id)


@router.post(
    "/logout-all",
    summary="Log out everywhere",
    tags=["sessions"],
    status_code=204,
    responses=problems(401, 403),
)
async def logout_all(db: DB, user: SessionUser) -> None:
    """Revoke all sessions of the caller, including this one. API keys remain valid."""
    await logins.revoke_all(db, user.id)


@router.post(
    "/forgot-password",
    summary="Request a password reset",
    tags=["passwords"],
    status_code=202,
    dependencies=[Depends(limit_address(Policy.TOKEN))],
)
async def forgot_password(
    db: DB, resources: AppResources, queue: Tasks, body: ForgotPassword
) -> Accepted:
    """Send a token for `POST /auth/reset-password` to the address, if it has an account.

    The response does not reveal whether it has one.
    """
    await resources.limiter.count_mail("reset", body.email)
    user = await users.find_by_email(db, body.email)
    # An unknown address also enqueues a task, so that the response time reveals nothing.
    queue.enqueue(send_password_reset_email, str(user.id if user else uuid4()))
    return Accepted()


@router.post(
    "/reset-password",
    summary="Set a new password",
    tags=["passwords"],
    status_code=204,
    responses=problems(400),
    dependencies=[Depends(limit_address(Policy.TOKEN))],
)
async def reset_password(
    db: DB, resources: AppResources, queue: Tasks, body: PasswordReset
) -> None:
    """Set a new password with the emailed token, and revoke all sessions and API keys.

    400 for a token that is invalid, expired or already used.
    """
    user = await user_passwords.reset(
        db, resources.passwords, body.token.get_secret_value(), body.password.get_secret_value()
    )
    queue.enqueue(send_password_changed_email, str(user.id))


@router.post(
    "/verify-email",
    summary="Verify my email address",
    tags=["email addresses"],
    status_code=204,
    responses=problems(400),
    dependencies=[Depends(limit_address(Policy.TOKEN))],
)
async def verify_email(db: DB, body: EmailVerification) -> None:
    """Verify the address with the token that was emailed to it.

    400 for a token that is invalid, expired or already used.
    """
    await email_addresses.verify(db, body.token.get_secret_value())


@router.post(
    "/request-verification",
    summary="Request another verification email",
    tags=["email addresses"],
    status_code=202,
    responses=problems(401, 403),
)
async def request_verification(
    user: SessionUser, resources: AppResources, queue: Tasks
) -> Accepted:
    """Send a new token for `POST /auth/verify-email`, unless the address is already verified."""
    await resources.limiter.count_mail("verify", user.email)
    queue.enqueue(send_verification_email, str(user.id))
    return Accepted()


@router.post(
    "/confirm-email",
    summary="Confirm my new email address",
    tags=["email addresses"],
    status_code=204,
    responses=problems(400, 409),
    dependencies=[Depends(limit_address(Policy.TOKEN))],
)
async def confirm_email(db: DB, body: EmailVerification) -> None:
    """Change the address with the token emailed to the new one, and revoke all sessions.

    400 for a token that is invalid, expired or already used; 409 if the address is already
    registered.
    """
    await email_addresses.change(db, body.token.get_secret_value())
