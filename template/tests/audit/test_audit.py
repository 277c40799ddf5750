from typing import Any

import pytest
from httpx import AsyncClient
from sqlalchemy import delete, func, select, text, update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession

from app.api.deps import DB
from app.core.roles import MemberRole
from app.db.dialect import append_only, no_longer_append_only
from app.models import AuditEvent, Organization, User
from app.services import audit
from app.services.audit import Action
from tests.support.factories import (
    PASSWORD,
    make_admin,
    make_member,
    make_organization,
    make_user,
)
from tests.support.logins import log_in, refresh
from tests.support.service import Service, add_route

ACME = "/api/v1/organizations/acme"
ALL = "/api/v1/audit"


@pytest.fixture
async def client(service: Service, owner: User, organization: Organization) -> AsyncClient:
    return await service.sign_in(owner)


async def events(client: AsyncClient, url: str = f"{ACME}/audit") -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await client.get(url)).json()["data"]
    return found


async def test_event_records_actor_action_target_and_origin(
    client: AsyncClient, session: AsyncSession, owner: User, organization: Organization
) -> None:
    member = await make_member(session, organization, MemberRole.VIEWER)

    await client.patch(
        f"{ACME}/members/{member.id}",
        json={"role": "admin"},
        headers={"X-Request-ID": "a-request-of-mine"},
    )

    event = (await events(client))[0]
    assert event["action"] == "member.role_changed"
    assert event["actor_id"] == str(owner.id)
    assert event["organization_id"] == str(organization.id)
    assert event["target_type"] == "memberships"
    assert event["details"] == {
        "changes": {"role": ["viewer", "admin"]},
        "user_id": str(member.id),
    }
    assert (event["address"], event["request_id"]) == ("127.0.0.1", "a-request-of-mine")


async def test_personal_values_are_not_recorded(client: AsyncClient) -> None:
    await client.patch(ACME, json={"name": "Acme Inc"})

    assert (await events(client))[0]["details"] == {"changes": {"name": None}}


async def test_empty_change_is_no_event(client: AsyncClient) -> None:
    before = len(await events(client))

    await client.patch(ACME, json={})

    assert len(await events(client)) == before


async def test_failed_request_leaves_no_event(
    committed_service: Service, session: AsyncSession
) -> None:
    async def fail(db: DB) -> None:
        user = await make_user_in(db)
        audit.record(db, Action.USER_UPDATED, user)
        await db.flush()
        raise RuntimeError

    await committed_service.client().post(add_route(committed_service, fail))

    async with committed_service.database.read() as reader:
        assert await reader.scalar(select(func.count(AuditEvent.id))) == 0


async def make_user_in(db: AsyncSession) -> User:
    user = User(email="a@example.com", email_normalized="a@example.com", name="Ada")
    user.hashed_password = "hash"
    db.add(user)
    await db.flush()
    return user


@pytest.mark.parametrize("change", [update(AuditEvent).values(action="forged"), delete(AuditEvent)])
async def test_database_rejects_changes_of_events(
    client: AsyncClient, session: AsyncSession, change: Any
) -> None:
    await client.patch(ACME, json={"name": "Acme Inc"})

    with pytest.raises(DBAPIError, match="append-only"):
        await session.execute(change)

    await session.rollback()


async def test_migration_can_prune_events(client: AsyncClient, session: AsyncSession) -> None:
    await client.patch(ACME, json={"name": "Acme Inc"})

    for statement in no_longer_append_only("audit_events"):
        await session.execute(text(statement))
    await session.execute(delete(AuditEvent))
    for statement in append_only("audit_events"):
        await session.execute(text(statement))

    assert await events(client) == []
    await client.patch(ACME, json={"name": "Acme"})
    with pytest.raises(DBAPIError, match="append-only"):
        await session.execute(delete(AuditEvent))
    await session.rollback()


async def test_organization_reads_only_its_own_events(
    service: Service, client: AsyncClient, session: AsyncSession, organization: Organization
) -> None:
    stranger = await make_user(session)
    other = await make_organization(session, stranger)
    path = f"/api/v1/organizations/{other.slug}"
    await (await service.sign_in(stranger)).patch(path, json={"name": "Other Inc"})
    await client.patch(ACME, json={"name": "Acme Inc"})

    assert {event["organization_id"] for event in await events(client)} == {str(organization.id)}


async def test_admin_reads_events_of_deleted_organizations(
    service: Service, client: AsyncClient, session: AsyncSession, organization: Organization
) -> None:
    await client.delete(ACME)
    admin = await service.sign_in(await make_admin(session))

    newest = (await events(admin, f"{ALL}?action=organization.deleted"))[0]

    assert newest["target_id"] == str(organization.id)
    assert (await client.get(ALL)).status_code == 403


async def test_stolen_refresh_token_is_recorded(
    service: Service, session: AsyncSession, owner: User
) -> None:
    client = service.client()
    pair = await log_in(client, owner)
    new = (await refresh(client, pair)).json()
    await refresh(client, new)
    assert (await refresh(client, pair)).status_code == 401

    actions = list(await session.scalars(select(AuditEvent.action)))
    assert "session.stolen" in actions


async def test_secrets_are_not_recorded(
    service: Service, client: AsyncClient, session: AsyncSession, owner: User
) -> None:
    body = {"current_password": PASSWORD, "new_password": "Another-Horse-8!"}
    await client.post("/api/v1/users/me/password", json=body)
    key = (await client.post("/api/v1/users/me/api-keys/", json={"name": "CI"})).json()["key"]

    noted = str([event.details for event in await session.scalars(select(AuditEvent))])

    assert "password" not in noted
    assert key not in noted


async def test_events_are_filtered_by_action_and_actor(
    service: Service, client: AsyncClient, session: AsyncSession, organization: Organization
) -> None:
    admin = await make_member(session, organization, MemberRole.ADMIN)
    await (await service.sign_in(admin)).patch(ACME, json={"name": "Acme Inc"})
    await client.patch(ACME, json={"name": "Acme Corp"})

    by_admin = await events(client, f"{ACME}/audit?actor_id={admin.id}")
    of_kind = await events(client, f"{ACME}/audit?action=organization.updated")

    assert [event["actor_id"] for event in by_admin] == [str(admin.id)]
    assert len(of_kind) == 2
    assert (await client.get(f"{ACME}/audit?action=nonsense")).status_code == 422
