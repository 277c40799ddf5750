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
    """Creates a user account and mails a token to verify the e-mail. The role is always `user`.

    With `REGISTRATION_ENUMERATION_SAFE` the response is 202 whether or not the e-mail was
    registered already; only a mail to it tells.
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
    """Starts a session. Send the access token with each request as `Authorization: Bearer …`, and
    use the refresh token to get the next pair.

    401 for an unknown e-mail or a wrong password, 403 for a deactivated account, or for one whose
    e-mail is not verified where that is required. After too many
    failures an account accepts no login for a while (429); its open sessions are not affected.
    """
    settings, limiter = resources.settings, resources.limiter
    account = normalize_email(body.email)
    await limiter.count(Policy.LOGIN_FAILURES, account)
    user = await auth.authenticate(
        *(db, resources.passwords),
        email=body.email,
        password=body.password.get_secret_value(),
        only_verified=settings.EMAIL_VERIFICATION_REQUIRED,
    )
    await limiter.reset(Policy.LOGIN_FAILURES, account)
    return await logins.start(db, settings, user, address=address, user_agent=user_agent)


@router.post(
    "/refresh",
    summary="Refresh the tokens",
    tags=["auth"],
    response_model=TokenResponse,
    responses=problems(401),
    dependencies=[Depends(limit_address(Policy.REFRESH))],
)
async def refresh(
    db: DB, resources: AppResources, address: Address, body: RefreshRequest
) -> TokenPair:
    """Exchanges a refresh token for a new pair. Each refresh token works once.

    Using one again ends the session, because it may have been stolen. If a response was lost, the
    same token may be sent again for a few seconds, as long as its successor has not been used.
    """
    token = body.refresh_token.get_secret_value()
    return await logins.refresh(db, resources.settings, token, address=address)


@router.post(
    "/logout", summary="Log out", tags=["auth"], status_code=204, responses=problems(401, 403)
)
async def logout(db: DB, claims: Claims) -> None:
    """Ends this session: its access and refresh tokens stop working at once.

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
    """Ends all sessions of the caller, this one too. API keys go on."""
    await logins.revoke_all(db, user.id)


@router.post(
    "/forgot-password",
    summary="Ask for a new password",
    tags=["passwords"],
    status_code=202,
    dependencies=[Depends(limit_address(Policy.TOKEN))],
)
async def forgot_password(
    db: DB, resources: AppResources, queue: Tasks, body: ForgotPassword
) -> Accepted:
    """Mails a token for `POST /auth/reset-password`, if there is an account with this e-mail.

    The response does not tell whether there is one.
    """
    await resources.limiter.count_mail("reset", body.email)
    user = await users.find_by_email(db, body.email)
    # An unknown address also enqueues a task, which finds no user: the response takes as long.
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
    """Takes the token of the mail, once, and ends all sessions and API keys of the account.

    400 for a token that is wrong, was used or has expired.
    """
    user = await user_passwords.reset(
        db, resources.passwords, body.token.get_secret_value(), body.password.get_secret_value()
    )
    queue.enqueue(send_password_changed_email, str(user.id))


@router.post(
    "/verify-email",
    summary="Verify my e-mail address",
    tags=["e-mail addresses"],
    status_code=204,
    responses=problems(400),
    dependencies=[Depends(limit_address(Policy.TOKEN))],
)
async def verify_email(db: DB, body: EmailVerification) -> None:
    """Takes the token of the mail that followed the registration, once.

    400 for a token that is wrong, was used or has expired.
    """
    await email_addresses.verify(db, body.token.get_secret_value())


@router.post(
    "/request-verification",
    summary="Ask for another verification mail",
    tags=["e-mail addresses"],
    status_code=202,
    responses=problems(401, 403),
)
async def request_verification(
    user: SessionUser, resources: AppResources, queue: Tasks
) -> Accepted:
    """Mails a new token for `POST /auth/verify-email`, unless the address is verified."""
    await resources.limiter.count_mail("verify", user.email)
    queue.enqueue(send_verification_email, str(user.id))
    return Accepted()


@router.post(
    "/confirm-email",
    summary="Confirm my new e-mail address",
    tags=["e-mail addresses"],
    status_code=204,
    responses=problems(400, 409),
    dependencies=[Depends(limit_address(Policy.TOKEN))],
)
async def confirm_email(db: DB, body: EmailVerification) -> None:
    """Takes the token of the mail to the new address, once, and ends all sessions of the account.

    400 for a token that is wrong, was used or has expired; 409 if the address has been registered.
    """
    await email_addresses.change(db, body.token.get_secret_value())
