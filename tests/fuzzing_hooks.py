"""Hooks for the process of Schemathesis: authentication, and valid emails and passwords."""

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
    """An administrator who owns an organization; replaced when a request took one of these rights.

    The organization is the one named in schemathesis.toml, or another if that one is taken.
    """

    def __init__(self) -> None:
        self._numbers = count(1)
        self._email = ""
        self._token = ""
        self._slug = ""

    def get(self, *_: Any) -> str:
        if not self._has_rights() and not (self._email and self._log_in() and self._has_rights()):
            self._create()
        return self._token

    def set(self, case: Any, token: str, *_: Any) -> None:
        case.headers = {**(case.headers or {}), "Authorization": f"Bearer {token}"}

    def _has_rights(self) -> bool:
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

    def _create(self) -> None:
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
            if self._create_organization("acme") or self._create_organization(f"fuzz-{number}"):
                return

    def _create_organization(self, slug: str) -> bool:
        self._slug = slug
        organization = {"name": "Acme", "slug": slug}
        status, _ = call(PORT, f"{API}/organizations", organization, self._token)
        return status == 201


schemathesis.openapi.format("email", LETTERS.map(lambda name: f"{name}@example.com"))
schemathesis.openapi.format("password", LETTERS.map(lambda word: f"Uncommon-7!{word}"))
if os.environ.get("FUZZ_CALLER") == "administrator":
    schemathesis.auth(refresh_interval=None)(Administrator)
