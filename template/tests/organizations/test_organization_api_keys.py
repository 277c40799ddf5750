from dataclasses import dataclass

import pytest
from httpx import AsyncClient
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.roles import MemberRole, Scope
from app.models import AuditEvent, Membership, Organization, User
from app.services import api_keys
from tests.support.factories import (
    add_member,
    make_admin,
    make_api_key,
    make_member,
    make_organization,
    make_project,
    make_user,
)
from tests.support.problems import assert_problem
from tests.support.service import Service


@dataclass
class Scene:
    organization: Organization
    owner: User
    membership: Membership
    """Of an admin, in whose name the key acts."""
    admin: AsyncClient
    key: str

    @property
    def path(self) -> str:
        return f"/api/v1/organizations/{self.organization.slug}"

    @property
    def keys(self) -> str:
        return f"{self.path}/api-keys/"


@pytest.fixture
async def scene(service: Service, session: AsyncSession) -> Scene:
    owner, user = await make_user(session), await make_user(session)
    organization = await make_organization(session, owner)
    membership = await add_member(session, organization, user, MemberRole.ADMIN)
    _, key = await make_api_key(session, user, organization=organization)
    return Scene(organization, owner, membership, await service.sign_in(user), key)


async def test_admin_creates_a_key_of_the_organization(service: Service, scene: Scene) -> None:
    response = await scene.admin.post(
        scene.keys, json={"name": "Deployment", "scopes": ["read", "write"]}
    )
    created = response.json()

    assert response.status_code == 201
    assert created["organization_id"] == str(scene.organization.id)
    assert created["user_id"] == str(scene.membership.user_id)
    async with service.client(created["key"]) as program:
        body = {"name": "Apollo", "slug": "apollo"}
        assert (await program.post(f"{scene.path}/projects", json=body)).status_code == 201
        assert (await program.get(scene.path)).json()["role"] == "admin"


async def test_other_organization_is_not_found(
    service: Service, session: AsyncSession, scene: Scene
) -> None:
    another = await make_organization(session, await make_user(session))
    user = await session.get_one(User, scene.membership.user_id)
    await add_member(session, another, user, MemberRole.OWNER)

    async with service.client(scene.key) as program:
        foreign = await program.get(f"/api/v1/organizations/{another.slug}")
        unknown = await program.get("/api/v1/organizations/unknown")

    assert_problem(foreign, 404)
    assert foreign.json()["detail"] == unknown.json()["detail"]


async def test_key_works_only_inside_its_organization(service: Service, scene: Scene) -> None:
    response = await service.client(scene.key).get("/api/v1/users/me")

    assert_problem(response, 403, "This API key is for its organization only")


async def test_key_has_the_current_rights_of_its_user(
    service: Service, session: AsyncSession, scene: Scene
) -> None:
    project = await make_project(session, scene.organization)
    project_path = f"{scene.path}/projects/{project.id}"
    async with service.client(scene.key) as program:
        scene.membership.role = MemberRole.VIEWER
        await session.commit()
        assert_problem(await program.delete(project_path), 403)
        assert (await program.get(project_path)).status_code == 200

        await session.delete(scene.membership)
        await session.commit()
        assert_problem(await program.get(project_path), 404)


async def test_key_of_a_user_loses_access_with_the_membership(
    service: Service, session: AsyncSession, scene: Scene
) -> None:
    user = await session.get_one(User, scene.membership.user_id)
    _, key = await make_api_key(session, user)
    async with service.client(key) as program:
        assert (await program.get(scene.path)).status_code == 200
        await session.delete(scene.membership)
        await session.commit()
        assert_problem(await program.get(scene.path), 404)


async def test_key_stays_revoked_when_its_user_rejoins(
    service: Service, session: AsyncSession, scene: Scene
) -> None:
    owner = await service.sign_in(scene.owner)
    member = {"user_id": str(scene.membership.user_id), "role": "admin"}

    await owner.delete(f"{scene.path}/members/{member['user_id']}")
    assert (await owner.post(f"{scene.path}/members/", json=member)).status_code == 201

    assert_problem(await service.client(scene.key).get(scene.path), 401)


async def test_every_admin_manages_the_keys(
    service: Service, session: AsyncSession, scene: Scene
) -> None:
    await make_api_key(session, scene.owner)
    other = await service.sign_in(await make_member(session, scene.organization, MemberRole.ADMIN))

    listed = (await other.get(scene.keys)).json()

    assert [key["user_id"] for key in listed["data"]] == [str(scene.membership.user_id)]
    key_path = f"{scene.keys}{listed['data'][0]['id']}"
    assert (await other.delete(key_path)).status_code == 204
    assert (await other.delete(key_path)).status_code == 404
    assert_problem(await service.client(scene.key).get(scene.path), 401)


async def test_keys_of_members_and_other_organizations_are_not_found(
    session: AsyncSession, scene: Scene
) -> None:
    own, _ = await make_api_key(session, scene.owner)
    another = await make_organization(session, scene.owner)
    foreign, _ = await make_api_key(session, scene.owner, organization=another)

    for key in (own, foreign):
        assert_problem(await scene.admin.delete(f"{scene.keys}{key.id}"), 404)


async def test_key_never_has_the_admin_scope(service: Service, session: AsyncSession) -> None:
    admin = await make_admin(session)
    organization = await make_organization(session, admin)
    client = await service.sign_in(admin)
    body = {"name": "Provisioning", "scopes": ["admin", "read"]}

    refused = await client.post(f"/api/v1/organizations/{organization.slug}/api-keys/", json=body)
    _, forged = await make_api_key(session, admin, *Scope, organization=organization)

    assert_problem(refused, 422)
    assert_problem(await service.client(forged).get("/api/v1/users/"), 403)


async def test_live_keys_are_limited(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api_keys, "MAX_LIVE", 2)
    body = {"name": "Deployment"}

    assert (await scene.admin.post(scene.keys, json=body)).status_code == 201
    assert_problem(await scene.admin.post(scene.keys, json=body), 409)
    own = await scene.admin.post("/api/v1/users/me/api-keys", json=body)
    assert own.status_code == 201


async def test_audit_log_names_the_organization(session: AsyncSession, scene: Scene) -> None:
    created = (await scene.admin.post(scene.keys, json={"name": "Deployment"})).json()
    await scene.admin.delete(f"{scene.keys}{created['id']}")

    query = select(AuditEvent).where(AuditEvent.organization_id == scene.organization.id)
    events = (await session.scalars(query.order_by(AuditEvent.created_at))).all()

    assert [event.action for event in events] == ["api_key.created", "api_key.revoked"]
