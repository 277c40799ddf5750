"""What is measured: the routes of the service, of the two baselines, and of an extra candidate."""

import json
from base64 import urlsafe_b64encode
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit
from uuid import UUID

from tests.benchmarks.inside import known
from tests.benchmarks.load import Route
from tests.benchmarks.results import BARE, ME, REFERENCE
from tests.running import call

API = "/api/v1"
LOGIN = "login"

Routes = dict[str, Route]

LISTS = {
    "users": "/users?limit=20",
    "members": "/organizations/large/members?limit=20",
    "users by role": "/users?limit=20&role=admin",
    "users by a rare word": "/users?limit=20&search=zyx",
    "audit by action": "/audit?limit=20&action=organization.deleted",
    "audit by actor": f"/audit?limit=20&actor_id={known.ACTOR}",
}
"""By name; they grow with the tables."""


@dataclass
class Candidate:
    name: str
    url: str
    routes: Routes
    member: str = ""
    """The token of a member of the room; only the service has a room and lists that grow."""
    admin: str = ""

    @classmethod
    def given(cls, text: str) -> "Candidate":
        """Parse `name=URL,routes.json`."""
        name, _, rest = text.partition("=")
        url, _, file = rest.rpartition(",")
        return cls(name, url, json.loads(Path(file).read_text(encoding="utf-8")))


def growing(rows: int, admin: str = "") -> Routes:
    """Pages of the lists that grow; page 501 of 20 rows begins at offset 10,000."""
    middle = known.START - timedelta(seconds=rows // 2)
    end = urlsafe_b64encode(f"{middle.isoformat()} {UUID(int=0).hex}".encode()).decode()
    pages = {
        "first page": "total=none",
        "deep cursor": f"cursor={end}",
        "offset 10,000": "page=501&total=none",
        "exact total": "page=1",
    }
    return {
        f"{name}, {page}; {rows:,} rows": get(f"{path}&{query}", admin)
        for name, path in LISTS.items()
        for page, query in pages.items()
        if "audit" not in path or "page=" not in query  # it has cursors only
    }


def ours(name: str, url: str) -> Candidate:
    member, admin = log_in(url, "ada"), log_in(url, "admin")
    new = {"name": "Project {n}", "slug": "project-{n}"}
    refresh = {"refresh_token": "{refresh_token}"}
    before = {"before": login("ada"), "follows": True}
    routes = {
        "projects, 20 with total": get("/organizations/acme/projects?limit=20", member),
        "create project": get("/organizations/writes/projects", member) | post(new, status=201),
        "refresh": get("/auth/refresh") | post(refresh) | before,
    }
    return Candidate(name, url, shared("ada", "/users", member, admin) | routes, member, admin)


def baselines(bare: str, reference: str) -> list[Candidate]:
    user, admin = log_in(reference, REFERENCE), log_in(reference, "admin")
    return [
        Candidate(BARE, bare, {ME: get("/users/me", user)}),
        Candidate(REFERENCE, reference, shared(REFERENCE, "/users/", user, admin)),
    ]


def shared(name: str, users: str, token: str, admin: str) -> Routes:
    """The routes of the service that the reference has too."""
    return {
        ME: get("/users/me", token),
        "organization": get("/organizations/acme", token),
        "users, 20 with total": get(f"{users}?limit=20", admin),
        "users, 100 with total": get(f"{users}?limit=100", admin),
        "PATCH users/me": get("/users/me", token) | post({"name": "Ada {n}"}, method="PATCH"),
        "/health": {"path": "/health"},
        "unknown path": {"path": "/nothing", "status": 404},
        LOGIN: login(name),
    }


def log_in(url: str, name: str) -> str:
    status, pair = call(urlsplit(url).port or 80, f"{API}/auth/login", login(name)["body"])
    assert status == 200, pair
    return str(pair["access_token"])


def login(name: str) -> Route:
    return get("/auth/login") | post({"email": f"{name}@example.com", "password": known.PASSWORD})


def get(path: str, token: str = "") -> Route:
    headers = {"headers": {"Authorization": f"Bearer {token}"}} if token else {}
    return {"path": API + path, **headers}


def post(body: object, *, method: str = "POST", status: int = 200) -> Route:
    return {"method": method, "body": body, "status": status}
