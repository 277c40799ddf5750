import pytest
from httpx import AsyncClient
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.roles import MemberRole, Scope
from app.models import AuditEvent, Membership, Organization, User
from app.services import api_keys
from tests.support.factories import add_member, make_admin, make_api_key, make_organization
from tests.support.service import Service, assert_problem

ACME = "/api/v1/organizations/acme"
KEYS = f"{ACME}/api-keys/"


@pytest.fixture
async def membership(session: AsyncSession, organization: Organization, user: User) -> Membership:
    """The membership of the admin for whom the key acts."""
    return await add_member(session, organization, user, MemberRole.ADMIN)


@pytest.fixture
async def admin(caller: AsyncClient, membership: Membership) -> AsyncClient:
    return caller


@pytest.fixture
async def program(
    service: Service,
    session: AsyncSession,
    organization: Organization,
    user: User,
    membership: Membership,
) -> AsyncClient:
    """A client with the key of the organization."""
    _, key = await make_api_key(session, user, organization=organization)
    return service.client(key)


async def test_admin_creates_a_key_of_the_organization(
    service: Service, admin: AsyncClient, organization: Organization, user: User
) -> None:
    response = await admin.post(KEYS, json={"name": "Deployment", "scopes": ["read", "write"]})
    created = response.json()

    assert response.status_code == 201
    assert created["organization_id"] == str(organization.id)
    assert created["user_id"] == str(user.id)
    program = service.client(created["key"])
    assert (await program.patch(ACME, json={"name": "Acme Inc"})).status_code == 200
    assert (await program.get(ACME)).json()["role"] == "admin"


async def test_other_organization_is_not_found(
    session: AsyncSession, program: AsyncClient, user: User
) -> None:
    another = await make_organization(session, user)

    foreign = await program.get(f"/api/v1/organizations/{another.slug}")
    unknown = await program.get("/api/v1/organizations/unknown")

    assert_problem(foreign, 404, unknown.json()["detail"])


async def test_key_works_only_inside_its_organization(program: AsyncClient) -> None:
    response = await program.get("/api/v1/users/me")

    assert_problem(response, 403, "This API key is valid only for its organization")


async def test_key_has_the_current_rights_of_its_user(
    session: AsyncSession, membership: Membership, program: AsyncClient
) -> None:
    membership.role = MemberRole.VIEWER
    await session.commit()
    assert_problem(await program.patch(ACME, json={"name": "Acme Inc"}), 403)
    assert (await program.get(ACME)).status_code == 200

    await session.delete(membership)
    await session.commit()
    assert_problem(await program.get(ACME), 404)


async def test_key_of_a_user_loses_access_with_the_membership(
    service: Service, session: AsyncSession, membership: Membership, user: User
) -> None:
    _, key = await make_api_key(session, user)
    assert (await service.client(key).get(ACME)).status_code == 200

    await session.delete(membership)
    await session.commit()

    assert_problem(await service.client(key).get(ACME), 404)


async def test_key_stays_revoked_when_its_user_rejoins(
    client: AsyncClient, program: AsyncClient, user: User
) -> None:
    await client.delete(f"{ACME}/members/{user.id}")
    member = {"user_id": str(user.id), "role": "admin"}
    assert (await client.post(f"{ACME}/members/", json=member)).status_code == 201

    assert_problem(await program.get(ACME), 401)


async def test_every_admin_manages_the_keys(
    session: AsyncSession, client: AsyncClient, owner: User, program: AsyncClient, user: User
) -> None:
    await make_api_key(session, owner)

    listed = (await client.get(KEYS)).json()

    assert [key["user_id"] for key in listed["data"]] == [str(user.id)]
    key_path = f"{KEYS}{listed['data'][0]['id']}"
    assert (await client.delete(key_path)).status_code == 204
    assert (await client.delete(key_path)).status_code == 404
    assert_problem(await program.get(ACME), 401)


async def test_keys_of_members_and_other_organizations_are_not_found(
    session: AsyncSession, admin: AsyncClient, owner: User
) -> None:
    own, _ = await make_api_key(session, owner)
    another = await make_organization(session, owner)
    foreign, _ = await make_api_key(session, owner, organization=another)

    for key in (own, foreign):
        assert_problem(await admin.delete(f"{KEYS}{key.id}"), 404)


async def test_key_never_has_the_admin_scope(service: Service, session: AsyncSession) -> None:
    admin = await make_admin(session)
    organization = await make_organization(session, admin, slug="acme")
    client = await service.sign_in(admin)
    body = {"name": "Provisioning", "scopes": ["admin", "read"]}
    _, forged = await make_api_key(session, admin, *Scope, organization=organization)

    assert_problem(await client.post(KEYS, json=body), 422)
    assert_problem(await service.client(forged).get("/api/v1/users/"), 403)


@pytest.mark.usefixtures("program")
async def test_live_keys_are_limited(admin: AsyncClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api_keys, "MAX_LIVE", 2)
    body = {"name": "Deployment"}

    assert (await admin.post(KEYS, json=body)).status_code == 201
    assert_problem(await admin.post(KEYS, json=body), 409)
    assert (await admin.post("/api/v1/users/me/api-keys", json=body)).status_code == 201


async def test_audit_log_names_the_organization(
    session: AsyncSession, admin: AsyncClient, organization: Organization
) -> None:
    created = (await admin.post(KEYS, json={"name": "Deployment"})).json()
    await admin.delete(f"{KEYS}{created['id']}")

    query = select(AuditEvent).where(AuditEvent.organization_id == organization.id)
    events = (await session.scalars(query.order_by(AuditEvent.created_at))).all()

    assert [event.action for event in events] == ["api_key.created", "api_key.revoked"]
