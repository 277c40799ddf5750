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
        Policy.CALLER: settings.RATE_LIMIT_CALLER,  # per user, or per address without a token
        Policy.INVITATION: "200/day",  # per organization, including revoked ones
        Policy.LOGIN: settings.RATE_LIMIT_LOGIN,  # per address
        Policy.LOGIN_FAILURES: settings.RATE_LIMIT_LOGIN_FAILURES,  # per account
        Policy.MAIL: "5/hour",  # per kind of email and address
        Policy.PASSWORD: "10/15 minutes",  # wrong ones, per logged-in user
        Policy.REFRESH: "60/minute",  # per address
        Policy.REGISTER: settings.RATE_LIMIT_REGISTER,  # per address
        Policy.TOKEN: "30/minute",  # emailed tokens used or requested, per address
    }


class RateLimiter:
    def __init__(self, settings: Settings, storage: Storage, database: Database) -> None:
        self._database = database
        self._enabled = settings.RATE_LIMIT_ENABLED
        self._limits_addresses = settings.limits_addresses
        self._windows = SlidingWindowCounterRateLimiter(storage)
        self._quotas = {policy: parse(quota) for policy, quota in quotas(settings).items()}

    async def count(self, policy: Policy, key: str) -> None:
        """Raise TooManyRequests once the quota is spent. Rejected requests do not count, nor do
        those that fail because the database is unavailable."""
        quota = self._quotas[policy]
        if not self._enabled:
            return
        # CALLER counts every request: its quota recovers soon, and a check each time is expensive.
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
        """Count emails of each kind to each address separately, whatever its spelling."""
        await self.count(Policy.MAIL, f"{purpose}:{normalize_email(email)}")

    async def count_network(self, policy: Policy, network: str) -> None:
        if self._limits_addresses:
            await self.count(policy, network)

    async def reset(self, policy: Policy, key: str) -> None:
        await self._windows.clear(self._quotas[policy], policy, key)
