from fastapi import APIRouter, Depends, status

from app.api.deps import DB, AppSettings, SessionUser, Tasks
from app.api.errors import problems
from app.api.rate_limit import Limiter, Policy, limit_address
from app.api.reauthentication import ConfirmPassword
from app.schemas.common import Accepted
from app.schemas.email_address import EmailChange, EmailVerification
from app.schemas.strings import normalize_email
from app.services import email_addresses
from app.tasks.email import (
    send_email_change_notice,
    send_email_change_token,
    send_verification_email,
)

router = APIRouter(tags=["e-mail addresses"])


@router.post(
    "/auth/verify-email",
    summary="Verify my e-mail address",
    status_code=status.HTTP_204_NO_CONTENT,
    responses=problems(400),
    dependencies=[Depends(limit_address(Policy.TOKEN))],
)
async def verify_email(db: DB, body: EmailVerification) -> None:
    """Takes the token of the mail that followed the registration, once.

    400 for a token that is wrong, was used or has expired.
    """
    await email_addresses.verify(db, body.token.get_secret_value())


@router.post(
    "/auth/request-verification",
    summary="Ask for another verification mail",
    status_code=status.HTTP_202_ACCEPTED,
    responses=problems(401, 403),
)
async def request_verification(user: SessionUser, limiter: Limiter, queue: Tasks) -> Accepted:
    """Mails a new token for `POST /auth/verify-email`, unless the address is verified."""
    await limiter.count(Policy.MAIL, f"verify:{user.email_normalized}")
    queue.enqueue(send_verification_email, str(user.id))
    return Accepted()


@router.post(
    "/users/me/email",
    summary="Change my e-mail address",
    status_code=status.HTTP_202_ACCEPTED,
    responses=problems(401, 403),
)
async def request_email_change(
    db: DB,
    settings: AppSettings,
    confirm: ConfirmPassword,
    limiter: Limiter,
    queue: Tasks,
    body: EmailChange,
) -> Accepted:
    """Needs the password. Mails a token for `POST /auth/confirm-email` to the new address, and a
    notice to the old one, which stays until then.

    403 for a wrong password; 429 after too many.
    """
    user = await confirm(body.password)
    # Neither may one account write to many addresses, nor many accounts to one.
    await limiter.count(Policy.MAIL, f"change-by:{user.id}")
    await limiter.count(Policy.MAIL, f"change:{normalize_email(body.email)}")
    token_id = await email_addresses.request_change(db, settings, user.id, body.email)
    queue.enqueue(send_email_change_token, str(token_id))
    queue.enqueue(send_email_change_notice, str(user.id))
    return Accepted()


@router.post(
    "/auth/confirm-email",
    summary="Confirm my new e-mail address",
    status_code=status.HTTP_204_NO_CONTENT,
    responses=problems(400, 409),
    dependencies=[Depends(limit_address(Policy.TOKEN))],
)
async def confirm_email(db: DB, body: EmailVerification) -> None:
    """Takes the token of the mail to the new address, once, and ends all sessions of the account.

    400 for a token that is wrong, was used or has expired; 409 if the address has been registered.
    """
    await email_addresses.change(db, body.token.get_secret_value())
