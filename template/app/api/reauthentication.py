"""Asks who is logged in for the password once more, before what a stolen token must not do."""

from collections.abc import Awaitable, Callable
from typing import Annotated

from fastapi import Depends
from pydantic import SecretStr

from app.api.deps import DB, AppPasswords, Caller, SessionUser
from app.api.rate_limit import Limiter, Policy
from app.models import User
from app.services import auth

PasswordCheck = Callable[[SecretStr], Awaitable[User]]


async def get_password_check(
    db: DB, passwords: AppPasswords, limiter: Limiter, user: SessionUser, caller: Caller
) -> PasswordCheck:
    async def check(password: SecretStr) -> User:
        account = str(user.id)
        await limiter.count(Policy.PASSWORD, account)
        confirmed = await auth.confirm_password(db, passwords, caller, password.get_secret_value())
        await limiter.reset(Policy.PASSWORD, account)
        return confirmed

    return check


ConfirmPassword = Annotated[PasswordCheck, Depends(get_password_check)]
"""Takes the password and returns the user. Raises Forbidden, or TooManyRequests after too many."""
