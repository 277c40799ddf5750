"""What is measured: the routes of the service, of the two baselines, and of an extra candidate."""

import base64
import hashlib
import hmac
import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from tests.benchmarks.services import SECRET_KEY
from tests.running import call

API = "/api/v1"
PASSWORD = "Correct-Horse-7!"
ADA, ADMIN, NAIVE, PROJECT = (str(UUID(int=number)) for number in (1, 2, 3, 7))

Route = dict[str, Any]
"""`path`; also `method`, `status`, `headers`, `body`, `before` (a route to call first on each
connection), `follows` (the next request uses the last response). `{n}` is a unique number."""
Routes = dict[str, Route]

BARE, REFERENCE = "bare", "reference"
LOGIN = "login"
ME = "users/me"

GOALS = {
    ME: 3.5,
    "organization": 4,
    "users, 20 with total": 5.5,
    "users, 100 with total": 8,
    "projects, 20 with total": 6.5,
    "create project": 7.5,
    "PATCH users/me": 5.5,
    "refresh": 10,
    "/health": 0.5,
    "unknown path": 0.7,
}
"""The most units of CPU time; a unit is what the bare route uses."""


@dataclass
class Candidate:
    name: str
    url: str
    routes: Routes
    growing: Routes
    """Routes whose tables grow; each is measured on one connection."""
    token: str = ""
    """For the room of a project; empty if there are no rooms."""

    @classmethod
    def given(cls, text: str) -> "Candidate":
        """Parse `name=URL,routes.json`."""
        name, _, rest = text.partition("=")
        url, _, file = rest.rpartition(",")
        return cls(name, url, json.loads(Path(file).read_text(encoding="utf-8")), {})


def ours(name: str, url: str, *, rooms: bool) -> Candidate:
    token = log_in(url, "ada")
    ada, admin = bearer(token), bearer(log_in(url, "admin"))
    acme = f"{API}/organizations/acme"
    login = _login(f"{API}/auth/login", "ada")
    new = {"name": "Project {n}", "slug": "project-{n}"}
    refresh = {"refresh_token": "{refresh_token}"}
    writes = f"{API}/organizations/writes/projects"
    return Candidate(
        name,
        url,
        {
            ME: {"path": f"{API}/users/me"} | ada,
            "organization": {"path": acme} | ada,
            "users, 20 with total": {"path": f"{API}/users?limit=20"} | admin,
            "users, 100 with total": {"path": f"{API}/users?limit=100"} | admin,
            "projects, 20 with total": {"path": f"{acme}/projects?limit=20"} | ada,
            "create project": _post(writes, new, status=201) | ada,
            "PATCH users/me": _post(f"{API}/users/me", {"name": "Ada {n}"}, "PATCH") | ada,
            "refresh": _post(f"{API}/auth/refresh", refresh, before=login, follows=True),
            "/health": {"path": "/health"},
            "unknown path": {"path": "/nothing", "status": 404},
            LOGIN: login,
        },
        _growing(ada | {"path": f"{API}/organizations/large/"}, admin | {"path": f"{API}/"}),
        token if rooms else "",
    )


def reference(url: str) -> Candidate:
    token = bearer(sign(NAIVE))
    return Candidate(
        REFERENCE,
        url,
        {
            ME: {"path": f"{API}/users/me"} | token,
            "organization": {"path": f"{API}/organizations/acme"} | token,
            "users, 20 with total": {"path": f"{API}/users/?limit=20"} | bearer(sign(ADMIN)),
            "users, 100 with total": {"path": f"{API}/users/?limit=100"} | bearer(sign(ADMIN)),
            "PATCH users/me": _post(f"{API}/users/me", {"name": "Ref {n}"}, "PATCH") | token,
            "/health": {"path": "/health"},
            "unknown path": {"path": "/nothing", "status": 404},
            LOGIN: _login(f"{API}/auth/login", REFERENCE),
        },
        {},
    )


def bare(url: str) -> Candidate:
    return Candidate(BARE, url, {ME: {"path": "/me"} | bearer(sign(ADA))}, {})


def log_in(url: str, name: str) -> str:
    body = _login("", name)["body"]
    status, pair = call(urlsplit(url).port or 80, f"{API}/auth/login", body)
    assert status == 200, pair
    return str(pair["access_token"])


def sign(user: str) -> str:
    """Return an access token (HS256, RFC 7515) for a baseline."""
    claims = {"sub": user, "exp": int(time.time()) + 86_400}
    signed = b".".join(_base64(json.dumps(part).encode()) for part in ({"alg": "HS256"}, claims))
    signature = hmac.digest(SECRET_KEY.encode(), signed, hashlib.sha256)
    return (signed + b"." + _base64(signature)).decode()


def bearer(token: str) -> Route:
    return {"headers": {"Authorization": f"Bearer {token}"}}


def _growing(member: Route, admin: Route) -> Routes:
    """Lists at any number of rows. Page 501 of 20 rows begins at offset 10,000."""
    paths = {
        "users": "users?",
        "users, page 501": "users?page=501",
        "users, no total": "users?total=none",
        "users, page 501, no total": "users?page=501&total=none",
        "users by role": "users?role=admin",
        "users by state": "users?is_active=false",
        "users by a rare word": "users?search=zyx",
        "audit": "audit?",
        "audit by action": "audit?action=organization.deleted",
        "audit by actor": f"audit?actor_id={UUID(int=8)}",
    }
    of_members = {
        "members": "members?",
        "members, page 501": "members?page=501",
        "members, page 501, no total": "members?page=501&total=none",
        "projects": "projects?",
        "projects, page 501": "projects?page=501",
    }
    following = {
        "before": admin | {"path": f"{API}/audit"},
        "path": f"{API}/audit?cursor={{next_cursor}}",
    }
    every = {name: admin | {"path": admin["path"] + path} for name, path in paths.items()}
    every |= {name: member | {"path": member["path"] + path} for name, path in of_members.items()}
    return every | {"audit, next page": admin | following}


def _login(path: str, name: str) -> Route:
    return _post(path, {"email": f"{name}@example.com", "password": PASSWORD})


def _post(path: str, body: object, method: str = "POST", **others: Any) -> Route:
    return {"path": path, "method": method, "body": body, **others}


def _base64(text: bytes) -> bytes:
    return base64.urlsafe_b64encode(text).rstrip(b"=")
