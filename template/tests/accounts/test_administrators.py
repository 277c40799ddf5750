import asyncio
from typing import Any

import pytest
from httpx import AsyncClient
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.clock import utc_now
from app.core.roles import MemberRole
from app.models import Organization, User
from tests.support.factories import (
    add_member,
    make_admin,
    make_member,
    make_organization,
    make_user,
)
from tests.support.service import Service, assert_problem

USERS = "/api/v1/users/"
OTHER = "Ask another administrator to change your account"


@pytest.fixture
async def administrator(session: AsyncSession) -> User:
    return await make_admin(session)


@pytest.fixture
async def admin(service: Service, administrator: User) -> AsyncClient:
    return await service.sign_in(administrator)


async def test_admin_changes_a_role(service: Service, admin: AsyncClient, user: User) -> None:
    response = await admin.patch(f"{USERS}{user.id}", json={"role": "admin"})

    assert response.status_code == 200
    assert response.json()["role"] == "admin"
    promoted = await service.sign_in(user)
    assert (await promoted.get(USERS)).status_code == 200
    await admin.patch(f"{USERS}{user.id}", json={"role": "user"})
    demoted = await service.sign_in(user)
    assert (await demoted.get(USERS)).status_code == 403


@pytest.mark.parametrize(
    ("change", "status"), [({"role": "admin"}, 401), ({"is_active": False}, 403)]
)
async def test_change_of_rights_ends_the_sessions(
    admin: AsyncClient, user: User, caller: AsyncClient, change: dict[str, Any], status: int
) -> None:
    await admin.patch(f"{USERS}{user.id}", json=change)

    assert (await caller.get(f"{USERS}me")).status_code == status


async def test_reactivated_user_has_to_log_in_again(
    admin: AsyncClient, user: User, caller: AsyncClient
) -> None:
    for is_active in (False, True):
        await admin.patch(f"{USERS}{user.id}", json={"is_active": is_active})

    assert (await caller.get(f"{USERS}me")).status_code == 401


@pytest.mark.parametrize("change", [{}, {"role": "user"}, {"is_active": True}])
async def test_empty_change_ends_no_session(
    admin: AsyncClient, user: User, caller: AsyncClient, change: dict[str, Any]
) -> None:
    assert (await admin.patch(f"{USERS}{user.id}", json=change)).status_code == 200

    assert (await caller.get(f"{USERS}me")).status_code == 200


@pytest.mark.parametrize(
    "change",
    [
        *({"role": role} for role in (None, "owner")),
        *({"is_active": value} for value in (None, 0)),
        {"email": "a@b.org"},
        {"name": "Ada"},
    ],
)
async def test_admin_changes_only_role_and_activity(
    admin: AsyncClient, user: User, change: dict[str, Any]
) -> None:
    assert (await admin.patch(f"{USERS}{user.id}", json=change)).status_code == 422


async def test_deleted_user_is_gone(
    admin: AsyncClient, session: AsyncSession, user: User, caller: AsyncClient
) -> None:
    assert (await admin.delete(f"{USERS}{user.id}")).status_code == 204

    assert (await caller.get(f"{USERS}me")).status_code == 401
    assert (await admin.get(f"{USERS}{user.id}")).status_code == 404
    assert (await admin.delete(f"{USERS}{user.id}")).status_code == 404
    assert (await admin.patch(f"{USERS}{user.id}", json={"role": "admin"})).status_code == 404
    await session.refresh(user)  # the row is kept
    assert user.deleted_at is not None


@pytest.mark.parametrize("role", [MemberRole.OWNER, MemberRole.MEMBER])
async def test_deleted_user_leaves_every_organization(
    role: MemberRole,
    service: Service,
    admin: AsyncClient,
    session: AsyncSession,
    owner: User,
    organization: Organization,
) -> None:
    member = await make_member(session, organization, role)

    assert (await admin.delete(f"{USERS}{member.id}")).status_code == 204

    client = await service.sign_in(owner)
    members = await client.get("/api/v1/organizations/acme/members")
    assert [each["user_id"] for each in members.json()["data"]] == [str(owner.id)]
    assert (await client.get("/api/v1/organizations/acme")).json()["member_count"] == 1


async def test_sole_owner_cannot_be_deleted(
    admin: AsyncClient, session: AsyncSession, user: User, caller: AsyncClient
) -> None:
    for slug in ("beta", "alpha"):
        await make_organization(session, user, slug=slug)
    await make_organization(session, user, slug="gone", deleted_at=utc_now())
    shared = await make_organization(session, user, slug="shared")
    await add_member(session, shared, await make_user(session), MemberRole.OWNER)

    response = await admin.delete(f"{USERS}{user.id}")

    assert_problem(response, 409, "The user is the only owner of: alpha, beta")
    assert len((await caller.get(f"{USERS}me")).json()["organizations"]) == 3


@pytest.mark.parametrize("change", [{"role": "user"}, {"is_active": False}, None])
async def test_admin_cannot_remove_or_demote_themselves(
    admin: AsyncClient, administrator: User, session: AsyncSession, change: dict[str, Any] | None
) -> None:
    await make_admin(session)
    path = f"{USERS}{administrator.id}"

    response = await (admin.patch(path, json=change) if change else admin.delete(path))

    assert_problem(response, 409, OTHER)
    assert (await admin.get(USERS)).status_code == 200


@pytest.mark.parametrize("change", [{"role": "user"}, {"is_active": False}, None])
async def test_two_admins_cannot_remove_each_other(
    committed_service: Service, change: dict[str, Any] | None
) -> None:
    users = [await committed_service.make(make_admin) for _ in range(2)]
    first, second = [await committed_service.sign_in(user) for user in users]

    async def remove(caller: AsyncClient, user: User) -> int:
        path = f"{USERS}{user.id}"
        response = await (caller.patch(path, json=change) if change else caller.delete(path))
        return response.status_code

    statuses = await asyncio.gather(remove(first, users[1]), remove(second, users[0]))

    assert sum(status < 300 for status in statuses) == 1
    left = [(await caller.get(USERS)).status_code for caller in (first, second)]
    assert left.count(200) == 1
