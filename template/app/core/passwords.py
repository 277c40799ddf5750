"""Passwords: rules for new ones, and argon2id hashing in threads."""

import asyncio
import os
import secrets
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from anyio import to_thread
from pwdlib import PasswordHash
from pwdlib.exceptions import UnknownHashError
from pwdlib.hashers.argon2 import Argon2Hasher

from app.core.common_passwords import is_common
from app.core.config import Settings
from app.core.errors import Invalid, Unavailable

# OWASP's minimum for Argon2id: two passes over 19 MiB (Password Storage Cheat Sheet).
HASHER = Argon2Hasher(time_cost=2, memory_cost=19_456, parallelism=1)
MAX_WAITING = 200
# With 10 a login takes seconds while requests keep every core busy; with 5 it slows them by half.
NICENESS = 7
LONG_ENOUGH = 15
SPECIAL = "!@#$%^&*"
MIN_CHARACTERS = 5

T = TypeVar("T")


class Passwords:
    """One instance per process. Together, the processes compute at most one hash per core."""

    def __init__(self, settings: Settings) -> None:
        self._policy = settings.PASSWORD_POLICY
        self._argon2 = PasswordHash([HASHER])
        threads = max(1, _cores() // settings.WORKERS)
        self._executor = ThreadPoolExecutor(threads, initializer=_lower_priority)
        self._waiting = 0
        self._dummy = self._argon2.hash(secrets.token_urlsafe())

    def close(self) -> None:
        self._executor.shutdown(wait=False, cancel_futures=True)

    async def hash(self, password: str) -> str:
        return await self._in_thread(lambda: self._argon2.hash(password))

    async def verify(self, password: str, hashed: str | None) -> tuple[bool, str | None]:
        """Return whether it matches, and a new hash to store if the old one has weaker parameters.

        Without a hash, for an unknown email, take just as long and never match.
        """
        return await self._in_thread(lambda: self._verify(password, hashed or self._dummy))

    async def check_new(self, password: str, *, email: str, field: str = "password") -> None:
        """Raise Invalid for `field` if the password is weak.

        The policy "length" follows NIST SP 800-63B-4: a minimum length, no character rules.
        """
        # In a thread, because the first call loads the list of common passwords.
        common = await to_thread.run_sync(is_common, password)
        if sentence := self._weakness(password, email, common=common):
            raise Invalid(sentence, field=field)

    def _weakness(self, password: str, email: str, *, common: bool) -> str | None:
        few = len(set(password)) < MIN_CHARACTERS
        if few or common:
            return "Password is too easy to guess"
        if _letters(password) in {_letters(email), _letters(email.partition("@")[0])} - {""}:
            return "Password must not be the email address or the name in it"
        if self._policy == "length":
            too_short = len(password) < LONG_ENOUGH
            return f"Password must have at least {LONG_ENOUGH} characters" if too_short else None
        if not any(character.isupper() for character in password):
            return "Password must contain an uppercase letter"
        if not any(character.isdigit() for character in password):
            return "Password must contain a digit"
        if not any(character in SPECIAL for character in password):
            return f"Password must contain one of {SPECIAL}"
        return None

    def _verify(self, password: str, hashed: str) -> tuple[bool, str | None]:
        try:
            return self._argon2.verify_and_update(password, hashed)
        except UnknownHashError:  # from another system: the user needs a new password
            return self._argon2.verify_and_update(password, self._dummy)

    async def _in_thread(self, work: Callable[[], T]) -> T:
        if self._waiting >= MAX_WAITING:
            raise Unavailable("Too many logins in progress; try again shortly")
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._executor, work)
        finally:
            self._waiting -= 1


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1


def _lower_priority() -> None:
    if sys.platform == "linux":  # elsewhere this is the priority of the whole process
        os.nice(NICENESS)


def _letters(text: str) -> str:
    return "".join(character for character in text.casefold() if character.isalpha())
