from uuid import uuid4

from fastapi import APIRouter, Depends, status

from app.api.deps import DB, AppPasswords, Claims, Tasks
from app.api.errors import problems
from app.api.rate_limit import Limiter, Policy, limit_address
from app.api.reauthentication import ConfirmPassword
from app.schemas.common import Accepted
from app.schemas.password import ForgotPassword, PasswordChange, PasswordReset
from app.schemas.strings import normalize_email
from app.services import passwords as user_passwords
from app.services import users
from app.tasks.email import send_password_changed_email, send_password_reset_email

router = APIRouter(tags=["passwords"])


@router.post(
    "/auth/forgot-password",
    summary="Ask for a new password",
    status_code=status.HTTP_202_ACCEPTED,
    dependencies=[Depends(limit_address(Policy.TOKEN))],
)
async def forgot_password(db: DB, limiter: Limiter, queue: Tasks, body: ForgotPassword) -> Accepted:
    """Mails a token for `POST /auth/reset-password`, if there is an account with this e-mail.

    The response does not tell whether there is one.
    """
    await limiter.count(Policy.MAIL, f"reset:{normalize_email(body.email)}")
    user = await users.find_by_email(db, body.email)
    # For an unknown address a task is enqueued too, which finds nobody: it takes as long.
    queue.enqueue(send_password_reset_email, str(user.id if user else uuid4()))
    return Accepted()


@router.post(
    "/auth/reset-password",
    summary="Set a new password",
    status_code=status.HTTP_204_NO_CONTENT,
    responses=problems(400),
    dependencies=[Depends(limit_address(Policy.TOKEN))],
)
async def reset_password(
    db: DB, passwords: AppPasswords, queue: Tasks, body: PasswordReset
) -> None:
    """Takes the token of the mail, once, and ends all sessions and API keys of the account.

    400 for a token that is wrong, was used or has expired.
    """
    user = await user_passwords.reset(
        db, passwords, body.token.get_secret_value(), body.password.get_secret_value()
    )
    queue.enqueue(send_password_changed_email, str(user.id))


@router.post(
    "/users/me/password",
    summary="Change my password",
    status_code=status.HTTP_204_NO_CONTENT,
    responses=problems(401, 403),
)
async def change_password(
    db: DB,
    claims: Claims,
    confirm: ConfirmPassword,
    passwords: AppPasswords,
    queue: Tasks,
    body: PasswordChange,
) -> None:
    """Needs the current password, and ends all other sessions. API keys go on.

    403 for a wrong current password; 429 after too many.
    """
    user = await confirm(body.current_password)
    password = body.new_password.get_secret_value()
    await user_passwords.change(db, passwords, user, password, kept=claims.session_id)
    queue.enqueue(send_password_changed_email, str(claims.user_id))
