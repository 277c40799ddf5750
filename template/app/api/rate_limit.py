"""Rate limits: requests are counted in a sliding window, before any work is done."""

import time
from enum import StrEnum
from math import ceil

from limits import parse
from limits.aio.storage import Storage
from limits.aio.strategies import SlidingWindowCounterRateLimiter

from app.core.config import Settings
from app.core.errors import TooManyRequests
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

    async def count_network(self, policy: Policy, network: str) -> None:
        if self._limits_addresses:
            await self.count(policy, network)

    async def reset(self, policy: Policy, key: str) -> None:
        await self._windows.clear(self._quotas[policy], policy, key)
