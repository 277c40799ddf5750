"""Script: fill a rendering's database with the rows from number `first` up to `last`.

Arguments: `first` and `last`. The first run also makes the accounts that the load uses. Columns
without a value get the default of the model, so that a new column needs no change here.
"""

import asyncio
import json
import random
import sqlite3
import sys
from collections.abc import Iterable, Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID

from app.core.clock import utc_now
from app.core.config import load_settings
from app.models import AuditEvent, Membership, Organization, Project, User
from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher
from sqlalchemy import JSON, Table
from sqlalchemy.dialects import sqlite

PASSWORD = "Correct-Horse-7!"
ADA, ADMIN, REFERENCE, ACME, LARGE, WRITES = (UUID(int=number) for number in range(1, 7))
PROJECT, ACTOR = UUID(int=7), UUID(int=8)
NOW = utc_now()
FEW = 1000
"""One user in so many has what the filters look for."""
RARE = 50_000
"""One event in so many does, so that a page of them spans the whole log."""

Row = dict[str, Any]
Tables = Iterator[tuple[Any, Iterable[Row]]]


def accounts() -> Tables:
    """A member and an admin of the service, and a user whose hash is the reference's."""
    ours = Argon2Hasher(time_cost=2, memory_cost=19_456, parallelism=1).hash(PASSWORD)
    yield (
        User,
        (
            user(ADA, "ada", hashed_password=ours),
            user(ADMIN, "admin", hashed_password=ours, role="admin"),
            user(REFERENCE, "reference", hashed_password=PasswordHash.recommended().hash(PASSWORD)),
        ),
    )
    organizations = {"acme": ACME, "large": LARGE, "writes": WRITES}
    yield (
        Organization,
        ({"id": key, "name": slug.title(), "slug": slug} for slug, key in organizations.items()),
    )
    yield (
        Membership,
        (
            {"user_id": who, "organization_id": key, "role": role}
            for who, role in ((ADMIN, "owner"), (ADA, "member"), (REFERENCE, "member"))
            for key in organizations.values()
        ),
    )
    yield Project, (project(number, ACME) for number in range(FEW))
    yield Project, ({**project(FEW, ACME), "id": PROJECT},)


def growth(first: int, last: int) -> Tables:
    """Users and audit events, and a tenth as many members and projects of one organization."""
    chance = random.Random(first)
    keys = [UUID(int=chance.getrandbits(128)) for _ in range(first, last)]
    yield User, (grown_user(number, key) for number, key in enumerate(keys, first))
    joined = {"organization_id": LARGE, "role": "member", "joined_at": NOW}
    yield Membership, ({"user_id": key, **joined} for key in keys[::10])
    yield Project, (project(number, LARGE) for number in range(first, last, 10))
    yield AuditEvent, (event(number, key) for number, key in enumerate(keys, first))


def grown_user(number: int, key: UUID) -> Row:
    return user(
        key,
        f"user{number}",
        name=f"User {number}" if number % FEW else f"Zyx {number}",
        role="user" if number % FEW else "admin",
        is_active=bool(number % 50),
        created_at=NOW - timedelta(seconds=number),
    )


def event(number: int, key: UUID) -> Row:
    return {
        "action": "organization.deleted" if number % RARE == 1 else "user.updated",
        "actor_id": ACTOR if number % RARE == 1 else UUID(int=number % FEW << 64),
        "target_type": "user",
        "target_id": key,
        "details": {},
        "address": "",
        "request_id": "",
        "created_at": NOW - timedelta(seconds=number),
    }


def user(key: UUID, login: str, **columns: Any) -> Row:
    email = f"{login}@example.com"
    usual = {"name": login.title(), "hashed_password": "none", "is_active": True, "role": "user"}
    return {"id": key, "email": email, "email_normalized": email, **usual, **columns}


def project(number: int, organization: UUID) -> Row:
    names = {"name": f"Project {number}", "slug": f"project-{number}"}
    return {**names, "organization_id": organization, "created_at": NOW - timedelta(hours=number)}


def records(table: Table, rows: Iterable[Row], encoders: list[Any]) -> Iterator[list[Any]]:
    """Yield the encoded values of all columns, with the default of those that a row leaves out."""
    names = [column.name for column in table.columns]
    defaults = [column.default.arg if column.default else None for column in table.columns]
    columns = list(zip(names, defaults, encoders, strict=True))
    for row in rows:
        values = []
        for name, default, encode in columns:
            value = row[name] if name in row else default(None) if callable(default) else default
            values.append(encode(value) if encode else value)
        yield values


async def fill_postgres(url: str, tables: Tables) -> None:
    import asyncpg

    connection = await asyncpg.connect(url.replace("+asyncpg", ""))
    for model, rows in tables:
        table = model.__table__
        encoders = [json.dumps if isinstance(each.type, JSON) else None for each in table.columns]
        await connection.copy_records_to_table(
            table.name,
            records=records(table, rows, encoders),
            columns=[column.name for column in table.columns],
        )
        await connection.execute(f"VACUUM ANALYZE {table.name}")
    await connection.close()


def fill_sqlite(url: str, tables: Tables) -> None:
    dialect = sqlite.dialect()
    dialect._json_serializer = None
    connection = sqlite3.connect(url.partition("///")[2])
    for model, rows in tables:
        table = model.__table__
        encoders = [
            each.type.dialect_impl(dialect).bind_processor(dialect) for each in table.columns
        ]
        places = ", ".join("?" * len(encoders))
        names = ", ".join(column.name for column in table.columns)
        statement = f"INSERT INTO {table.name} ({names}) VALUES ({places})"
        connection.executemany(statement, records(table, rows, encoders))
    connection.commit()
    connection.execute("ANALYZE")
    connection.close()


def tables(first: int, last: int) -> Tables:
    if first == 0:
        yield from accounts()
    yield from growth(first, last)


if __name__ == "__main__":
    url = load_settings().DATABASE_URL
    wanted = tables(*map(int, sys.argv[1:]))
    if url.startswith("sqlite"):
        fill_sqlite(url, wanted)
    else:
        asyncio.run(fill_postgres(url, wanted))
