"""Lists: every page of them, and the indexes that keep them fast when tables grow."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from httpx import AsyncClient
from sqlalchemy import Engine, event
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from app.core.clock import utc_now
from app.core.roles import MemberRole
from app.models import AuditEvent, Membership, Organization, User
from app.schemas.paging import Cursor
from app.services.audit import Action
from tests.support.databases import Databases
from tests.support.examples import example, resolve
from tests.support.factories import make_user, new_user, save
from tests.support.operations import Operation, make_superuser, operations_of
from tests.support.service import Service, assert_problem

URL = "/api/v1/organizations/acme/members"
PAGING = {"cursor", "limit", "page", "total"}

SORTED = "list_organizations"
"""It is sorted in memory: a user's own organizations are few."""

INDEXES = {
    "list_projects?archived=false": "ix_projects_not_archived",
    "list_projects?archived=true": "ix_projects_archived",
    "list_users?is_active=false": "ix_users_is_active_created_at_id",
    "list_users?role=admin": "ix_users_role_created_at_id",
    "read_audit_log?action=api_key.created": "ix_audit_events_action_created_at_id",
    "read_audit_log?actor_id=00000000-0000-4000-8000-000000000000": (
        "ix_audit_events_actor_id_created_at_id"
    ),
}
"""The index without which a filter that few rows pass would read all others too."""

RARE = {"action": "api_key.created", "role": "admin"}
"""Values that few rows have in the test; other filters take the example of the schema."""


@pytest.fixture
async def client(service: Service, owner: User, organization: Organization) -> AsyncClient:
    return await service.sign_in(owner)


@pytest.fixture
async def ids(session: AsyncSession, organization: Organization, owner: User) -> list[str]:
    """The members of the organization, longest-standing first; some joined at the same time."""
    now = utc_now()
    members = []
    for seconds in (1, 2, 2, 2, 3):
        member = Membership(
            user_id=(await make_user(session)).id,
            organization_id=organization.id,
            role=MemberRole.MEMBER,
            joined_at=now + timedelta(seconds=seconds),
        )
        members.append(await save(session, member))
    members.sort(key=lambda member: (member.joined_at, member.id))
    return [str(each) for each in (owner.id, *(member.user_id for member in members))]


async def read(client: AsyncClient, **query: Any) -> tuple[list[str], dict[str, Any]]:
    page = (await client.get(URL, params=query)).json()
    return [member["user_id"] for member in page.pop("data")], page


async def test_cursor_reaches_every_row_once(client: AsyncClient, ids: list[str]) -> None:
    seen, page = await read(client, limit=2)
    while page["next_cursor"]:
        found, page = await read(client, limit=2, cursor=page["next_cursor"])
        seen += found

    assert seen == ids


async def test_removed_row_shifts_no_cursor_page(client: AsyncClient, ids: list[str]) -> None:
    _, first = await read(client, limit=2)
    await client.delete(f"{URL}/{ids[1]}")
    found, _ = await read(client, limit=2, cursor=first["next_cursor"])

    assert found == ids[2:4]


async def test_cursor_page_has_no_numbers(client: AsyncClient, ids: list[str]) -> None:
    _, first = await read(client, limit=4)
    found, page = await read(client, limit=4, page=7, cursor=first["next_cursor"])

    assert found == ids[4:]
    assert page == {
        "next_cursor": None,
        "total": None,
        "page": None,
        "limit": 4,
        "total_pages": None,
        "has_more": False,
    }


async def test_page_without_total_is_not_counted(client: AsyncClient, ids: list[str]) -> None:
    found, page = await read(client, limit=2, page=2, total="none")

    assert found == ids[2:4]
    assert (page["total"], page["total_pages"]) == (None, None)
    assert (page["page"], page["has_more"]) == (2, True)


@pytest.mark.parametrize(
    ("limit", "number", "rows", "more"),
    [(6, 1, 6, False), (5, 1, 5, True), (3, 2, 3, False), (3, 3, 0, False), (4, 2, 2, False)],
)
async def test_total_is_exact_on_every_page(
    client: AsyncClient, ids: list[str], limit: int, number: int, rows: int, more: bool
) -> None:
    found, page = await read(client, limit=limit, page=number)

    assert (len(found), page["total"], page["has_more"]) == (rows, len(ids), more)
    assert page["total_pages"] == -(-len(ids) // limit)


@pytest.mark.parametrize("query", [{"total": "some"}, {"cursor": "nonsense"}, {"cursor": ""}])
async def test_invalid_paging_gets_422(client: AsyncClient, query: dict[str, str]) -> None:
    assert_problem(await client.get(URL, params=query), 422)


async def test_every_filter_and_order_has_an_index(
    service: Service, session: AsyncSession, engine: AsyncEngine, databases: Databases
) -> None:
    client, values = await make_superuser(service, session)
    session.add_all(row for _ in range(200) for row in (new_user(), new_event()))
    await session.commit()
    sent: list[tuple[str, str, Any]] = []
    for operation in operations_of(service):
        for query in queries(operation):
            with selects(engine.sync_engine) as seen:
                response = await client.get(operation.path.format(**values) + query)
            assert response.is_success, f"{operation.name}{query}"
            sent += [(operation.name + query, *each) for each in seen]

    plans: dict[str, str] = {}
    explained = await databases.explain(await session.connection(), [each[1:] for each in sent])
    for (name, *_), plan in zip(sent, explained, strict=True):
        plans[name] = plans.get(name, "") + plan
    slow = {name: databases.unindexed(plan) for name, plan in plans.items()}
    slow = {name: steps for name, steps in slow.items() if steps and not name.startswith(SORTED)}

    assert slow == {}, "Add an index on the filter's columns, the time and the id, in this order"
    for name, index in INDEXES.items():
        assert index in plans.get(name, index), name


def new_event() -> AuditEvent:
    return AuditEvent(
        action=Action.USER_CREATED,
        target_type="users",
        target_id=uuid4(),
        details={},
        address="",
        request_id="",
    )


def queries(operation: Operation) -> Iterator[str]:
    """Query strings with each filter of a list alone, on the first page and after a cursor."""
    if "limit" not in operation.query:
        return
    cursor = f"cursor={Cursor(utc_now(), uuid4()).encode()}"
    yield from ("", f"?{cursor}", "?limit=1&page=2")
    for parameter in operation.described["parameters"]:
        name, schema = parameter["name"], resolve(operation.document, parameter["schema"])
        if parameter["in"] == "query" and name not in PAGING:
            usual = ["false", "true"] if schema.get("type") == "boolean" else []
            for value in usual or [RARE.get(name) or example(operation.document, schema)]:
                yield f"?{name}={value}"
                yield f"?{name}={value}&{cursor}"


@contextmanager
def selects(engine: Engine) -> Iterator[list[tuple[str, Any]]]:
    """Collect the queries and their parameters."""
    seen: list[tuple[str, Any]] = []

    def collect(_: Any, __: Any, statement: str, parameters: Any, *___: Any) -> None:
        if statement.startswith("SELECT"):
            seen.append((statement, parameters))

    event.listen(engine, "before_cursor_execute", collect)
    yield seen
    event.remove(engine, "before_cursor_execute", collect)
