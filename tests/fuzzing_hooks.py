"""Loaded by Schemathesis, in its own process: who calls, and how valid text of some kinds looks."""

import os
import subprocess
from itertools import count
from typing import Any

import schemathesis
from hypothesis import strategies as st

from tests.running import LOGIN, call

API = "/api/v1"
PORT = int(os.environ.get("FUZZ_PORT", "0"))
LETTERS = st.text("abcdefghijklmnopqrstuvwxyz", min_size=8, max_size=40)


class Administrator:
    """Also an owner. Requests may end the session or take away a right: then another one comes.

    The organization is the one that schemathesis.toml asks for, where nobody else has it.
    """

    def __init__(self) -> None:
        self._numbers = count(1)
        self._email = ""
        self._token = ""
        self._slug = ""

    def get(self, *_: Any) -> str:
        if not self._is_whole() and not (self._email and self._log_in() and self._is_whole()):
            self._come()
        return self._token

    def set(self, case: Any, token: str, *_: Any) -> None:
        case.headers = {**(case.headers or {}), "Authorization": f"Bearer {token}"}

    def _is_whole(self) -> bool:
        status, me = call(PORT, f"{API}/users/me", token=self._token)
        if status != 200 or me["role"] != "admin":
            return False
        owned = [each["slug"] for each in me["organizations"] if each["role"] == "owner"]
        return self._slug in owned

    def _log_in(self) -> bool:
        login = {**LOGIN, "email": self._email}
        status, tokens = call(PORT, f"{API}/auth/login", login)
        self._token = tokens["access_token"] if status == 200 else ""
        return status == 200

    def _come(self) -> None:
        for number in self._numbers:
            self._email = f"fuzz-{number}@example.com"
            subprocess.run(
                ("myapp", "create-admin", self._email),
                cwd=os.environ["FUZZ_PROJECT"],
                env={**os.environ, "ADMIN_PASSWORD": LOGIN["password"]},
                stdout=subprocess.DEVNULL,
                check=True,
            )
            assert self._log_in()
            if self._found("acme") or self._found(f"fuzz-{number}"):
                return

    def _found(self, slug: str) -> bool:
        self._slug = slug
        organization = {"name": "Acme", "slug": slug}
        status, _ = call(PORT, f"{API}/organizations", organization, self._token)
        return status == 201


schemathesis.openapi.format("email", LETTERS.map(lambda name: f"{name}@example.com"))
schemathesis.openapi.format("password", LETTERS.map(lambda word: f"Uncommon-7!{word}"))
if os.environ.get("FUZZ_CALLER") == "administrator":
    schemathesis.auth(refresh_interval=None)(Administrator)
