"""What a key may do: never more than its user may, and only what its scopes allow."""

from uuid import UUID

import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.api.callers import CurrentUser
from app.api.deps import DB
from app.core.roles import Scope, UserRole
from app.models import AuditEvent
from app.services import audit
from app.services.audit import Action
from tests.support.factories import make_admin, make_api_key, make_organization, make_user
from tests.support.problems import assert_problem
from tests.support.service import Service, add_route

KEYS = "/api/v1/users/me/api-keys/"
ACME = "/api/v1/organizations/acme"
ME = "/api/v1/users/me"
USERS = "/api/v1/users/"


@pytest.mark.parametrize(
    ("scope", "allowed"), [(Scope.READ, "GET"), (Scope.WRITE, "PATCH"), (Scope.ADMIN, None)]
)
@pytest.mark.parametrize(("method", "lacking"), [("GET", "read"), ("PATCH", "write")])
async def test_each_method_needs_its_scope(
    service: Service,
    session: AsyncSession,
    scope: Scope,
    allowed: str | None,
    method: str,
    lacking: str,
) -> None:
    owner = await make_admin(session)
    await make_organization(session, owner, slug="acme")
    _, key = await make_api_key(session, owner, scope)

    response = await service.client(key).request(method, ACME, json={})

    if method == allowed:
        assert response.status_code == 200
    else:
        assert_problem(response, 403, f"The API key lacks the {lacking} scope")


async def test_key_of_an_admin_needs_admin_scope(service: Service, session: AsyncSession) -> None:
    admin = await make_admin(session)
    _, ordinary = await make_api_key(session, admin)
    _, powerful = await make_api_key(session, admin, Scope.READ, Scope.ADMIN)

    assert_problem(await service.client(ordinary).get(USERS), 403)
    assert (await service.client(powerful).get(USERS)).status_code == 200


async def test_key_loses_rights_with_its_user(service: Service, session: AsyncSession) -> None:
    admin = await make_admin(session)
    _, key = await make_api_key(session, admin, *Scope)
    admin.role = UserRole.USER
    await session.commit()

    async with service.client(key) as client:
        assert_problem(await client.get(USERS), 403)
        assert (await client.get(ME)).status_code == 200


async def test_only_admins_grant_the_admin_scope(service: Service, session: AsyncSession) -> None:
    body = {"name": "Provisioning", "scopes": ["admin", "read"]}
    user = await service.sign_in(await make_user(session))
    admin = await service.sign_in(await make_admin(session))

    assert_problem(await user.post(KEYS, json=body), 403)
    created = await admin.post(KEYS, json=body)

    assert created.status_code == 201
    assert created.json()["scopes"] == ["admin", "read"]


async def test_key_cannot_create_keys(service: Service, session: AsyncSession) -> None:
    """Otherwise a stolen key would outlive its revocation."""
    _, key = await make_api_key(session, await make_admin(session), *Scope)

    refused = await service.client(key).post(KEYS, json={"name": "Successor"})

    assert_problem(refused, 403, "API keys are not accepted here: log in")


async def test_audit_log_names_the_key(committed_service: Service) -> None:
    user = await committed_service.make(make_user)
    key, secret = await committed_service.make(make_api_key, user)

    async def change_something(db: DB, user: CurrentUser) -> None:
        audit.record(db, Action.USER_UPDATED, user)

    path = add_route(committed_service, change_something)
    by_key = await committed_service.client(secret).post(path)
    by_login = await (await committed_service.sign_in(user)).post(path)

    assert by_key.status_code == by_login.status_code == 200
    async with committed_service.database.read() as session:
        query = select(AuditEvent).where(AuditEvent.target_id == user.id)
        events = (await session.scalars(query.order_by(AuditEvent.created_at))).all()
    noted: list[tuple[UUID | None, UUID | None]] = [
        (event.actor_id, event.api_key_id)
        for event in events
        if event.action == Action.USER_UPDATED
    ]
    assert noted == [(user.id, key.id), (user.id, None)]
