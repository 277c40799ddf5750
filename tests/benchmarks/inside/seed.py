"""Script: fill a rendering's database with the rows from number `first` up to `last`.

Arguments: `first` and `last`. The first run also makes the accounts that the load uses. Columns
without a value get the default of the model, so that a new column needs no change here.
"""

import asyncio
import random
import sys
from collections.abc import Iterable, Iterator
from datetime import timedelta
from itertools import islice
from typing import Any
from uuid import UUID

from app.core.config import load_settings
from app.models import AuditEvent, Membership, Organization, Project, User
from known import ACME, ACTOR, ADA, ADMIN, LARGE, PASSWORD, PROJECT, REFERENCE, START, WRITES
from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher
from sqlalchemy import insert, text
from sqlalchemy.ext.asyncio import create_async_engine

PROJECTS = 1000
RARE = 50_000
"""One row in so many has the word and the action to look for, so that a page spans the table."""
COUNT_MEMBERS = """UPDATE organizations SET member_count =
    (SELECT count(*) FROM memberships WHERE organization_id = organizations.id)"""

Row = dict[str, Any]
Tables = Iterator[tuple[Any, Iterable[Row]]]


def accounts() -> Tables:
    """A member and an admin of the service, and a user whose hash is the reference's."""
    ours = Argon2Hasher(time_cost=2, memory_cost=19_456, parallelism=1).hash(PASSWORD)
    theirs = PasswordHash.recommended().hash(PASSWORD)
    keys = {"acme": ACME, "large": LARGE, "writes": WRITES}
    yield User, [user(ADA, "ada", ours, "user"), user(ADMIN, "admin", ours, "admin")]
    yield User, [user(REFERENCE, "reference", theirs, "user")]
    yield Organization, ({"id": key, "name": slug, "slug": slug} for slug, key in keys.items())
    for key in keys.values():
        yield Membership, [membership(ADMIN, key, "owner")]
        yield Membership, (membership(each, key, "member") for each in (ADA, REFERENCE))
    yield Project, (project(number) for number in range(PROJECTS))
    yield Project, [{**project(PROJECTS), "id": PROJECT}]


def growth(first: int, last: int) -> Tables:
    """Users and audit events, and a tenth as many members of one organization."""
    chance = random.Random(first)
    keys = {number: UUID(int=chance.getrandbits(128)) for number in range(first, last)}
    tenth = range(first, last, 10)
    yield User, (grown_user(number, key) for number, key in keys.items())
    yield Membership, (membership(keys[n], LARGE, "member", joined_at=at(n)) for n in tenth)
    yield AuditEvent, (event(number, key) for number, key in keys.items())


def at(number: int) -> Any:
    return START - timedelta(seconds=number)


def grown_user(number: int, key: UUID) -> Row:
    name = f"Zyx {number}" if number % RARE == 1 else f"User {number}"
    role = "user" if number % 5 else "admin"
    return user(key, f"user{number}", "none", role, name=name, created_at=at(number))


def event(number: int, key: UUID) -> Row:
    rare = number % RARE == 1
    action, actor = ("organization.deleted", ACTOR) if rare else ("user.updated", key)
    row = {"action": action, "actor_id": actor, "target_type": "user", "target_id": key}
    return {**row, "details": {}, "address": "", "request_id": "", "created_at": at(number)}


def user(key: UUID, login: str, hashed: str, role: str, **columns: Any) -> Row:
    email = f"{login}@example.com"
    row = {"id": key, "email": email, "email_normalized": email, "hashed_password": hashed}
    return {**row, "name": login.title(), "role": role, **columns}


def membership(member: UUID, organization: UUID, role: str, **columns: Any) -> Row:
    return {"user_id": member, "organization_id": organization, "role": role, **columns}


def project(number: int) -> Row:
    names = {"name": f"Project {number}", "slug": f"project-{number}"}
    return {**names, "organization_id": ACME, "created_at": at(number)}


async def fill(first: int, last: int) -> None:
    url = load_settings().DATABASE_URL
    engine = create_async_engine(url)
    async with engine.begin() as connection:
        for tables in ([accounts()] if first == 0 else []) + [growth(first, last)]:
            for model, rows in tables:
                remaining = iter(rows)
                while some := list(islice(remaining, 10_000)):
                    await connection.execute(insert(model.__table__), some)
        await connection.execute(text(COUNT_MEMBERS))
    async with engine.execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
        await connection.execute(text("ANALYZE" if "sqlite" in url else "VACUUM ANALYZE"))
    await engine.dispose()


if __name__ == "__main__":
    asyncio.run(fill(*map(int, sys.argv[1:])))
