"""Rate limits: requests are counted in a sliding window, before any work is done."""

import time
from collections.abc import Awaitable, Callable
from enum import StrEnum
from math import ceil
from typing import Annotated

from fastapi import Depends
from fastapi.security.utils import get_authorization_scheme_param
from limits import parse
from limits.aio.storage import Storage
from limits.aio.strategies import SlidingWindowCounterRateLimiter
from starlette.requests import HTTPConnection

from app.api.address import client_network
from app.core.config import Settings
from app.core.errors import InvalidToken, TooManyRequests
from app.core.tokens import read_access_token
from app.db.session import Database
from app.schemas.strings import normalize_email


class Policy(StrEnum):
    CALLER = "caller"
    INVITATION = "invitation"
    LOGIN = "login"
    LOGIN_FAILURES = "login-failures"
    MAIL = "mail"
    PASSWORD = "password"
    REFRESH = "refresh"
    REGISTER = "register"
    TOKEN = "token"


def quotas(settings: Settings) -> dict[Policy, str]:
    """Return all quotas. Those that operators tune, above all under attack, are settings."""
    return {
        Policy.CALLER: settings.RATE_LIMIT_CALLER,  # of a user, or of an address without a token
        Policy.INVITATION: "200/day",  # by an organization, including revoked ones
        Policy.LOGIN: settings.RATE_LIMIT_LOGIN,  # from an address
        Policy.LOGIN_FAILURES: settings.RATE_LIMIT_LOGIN_FAILURES,  # to an account
        Policy.MAIL: "5/hour",  # of one kind, to an address
        Policy.PASSWORD: "10/15 minutes",  # wrong ones, of a user who is logged in
        Policy.REFRESH: "60/minute",  # from an address
        Policy.REGISTER: settings.RATE_LIMIT_REGISTER,  # from an address
        Policy.TOKEN: "30/minute",  # mailed tokens tried, and mails requested, from an address
    }


class RateLimiter:
    def __init__(self, settings: Settings, storage: Storage, database: Database) -> None:
        self._database = database
        self._enabled = settings.RATE_LIMIT_ENABLED
        self._limits_addresses = settings.limits_addresses
        self._windows = SlidingWindowCounterRateLimiter(storage)
        self._quotas = {policy: parse(quota) for policy, quota in quotas(settings).items()}

    async def count(self, policy: Policy, key: str) -> None:
        """Raises TooManyRequests once the quota is spent. Refused requests do not count, nor do
        those that are in vain because the database is away."""
        quota = self._quotas[policy]
        if not self._enabled:
            return
        # Every request counts for its caller: that quota is back soon, and asking would cost much.
        if policy is not Policy.CALLER and await self._windows.test(quota, policy, key):
            await self._database.check()
        if await self._windows.hit(quota, policy, key):
            return
        free_again, _ = await self._windows.get_window_stats(quota, policy, key)
        raise TooManyRequests(
            policy,
            quota=quota.amount,
            window=quota.get_expiry(),
            retry_after=max(1, ceil(free_again - time.time())),
        )

    async def count_mail(self, purpose: str, email: str) -> None:
        """Each kind of mail has a quota of its own for each address, however it is spelled."""
        await self.count(Policy.MAIL, f"{purpose}:{normalize_email(email)}")

    async def count_address(self, policy: Policy, connection: HTTPConnection) -> None:
        if self._limits_addresses:
            await self.count(policy, client_network(connection))

    async def reset(self, policy: Policy, key: str) -> None:
        await self._windows.clear(self._quotas[policy], policy, key)


async def get_rate_limiter(connection: HTTPConnection) -> RateLimiter:
    limiter: RateLimiter = connection.app.state.rate_limiter
    return limiter


Limiter = Annotated[RateLimiter, Depends(get_rate_limiter)]


def limit_address(policy: Policy) -> Callable[..., Awaitable[None]]:
    async def count(connection: HTTPConnection, limiter: Limiter) -> None:
        await limiter.count_address(policy, connection)

    return count


async def limit_caller(connection: HTTPConnection, limiter: Limiter) -> None:
    """Counts by user, from any address; without a valid token, by address.

    An API key counts for both: whose it is turns out later, in the database.
    """
    _, token = get_authorization_scheme_param(connection.headers.get("Authorization"))
    try:
        caller = read_access_token(connection.app.state.settings, token).user_id
    except InvalidToken:
        await limiter.count_address(Policy.CALLER, connection)
    else:
        await limiter.count(Policy.CALLER, str(caller))
