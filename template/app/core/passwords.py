"""Passwords: rules for new ones, and argon2id hashing in threads."""

import os
import secrets
from collections.abc import Callable
from typing import TypeVar

from anyio import CapacityLimiter, to_thread
from pwdlib import PasswordHash
from pwdlib.exceptions import UnknownHashError
from pwdlib.hashers.argon2 import Argon2Hasher

from app.core.common_passwords import is_common
from app.core.config import Settings
from app.core.errors import Invalid, Unavailable

# OWASP's minimum for Argon2id: two passes over 19 MiB (Password Storage Cheat Sheet).
HASHER = Argon2Hasher(time_cost=2, memory_cost=19_456, parallelism=1)
MAX_WAITING = 200
LONG_ENOUGH = 15
SPECIAL = "!@#$%^&*"
MIN_CHARACTERS = 5

T = TypeVar("T")


class Passwords:
    """One instance per process, which computes at most one hash per core at a time."""

    def __init__(self, settings: Settings) -> None:
        self._policy = settings.PASSWORD_POLICY
        self._argon2 = PasswordHash([HASHER])
        self._limiter = CapacityLimiter(os.cpu_count() or 1)
        self._waiting = 0
        self._dummy = self._argon2.hash(secrets.token_urlsafe())

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
            return await to_thread.run_sync(work, limiter=self._limiter)
        finally:
            self._waiting -= 1


def _letters(text: str) -> str:
    return "".join(character for character in text.casefold() if character.isalpha())
