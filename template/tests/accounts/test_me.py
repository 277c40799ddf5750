from typing import Any

import pytest
from httpx import AsyncClient
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.clock import utc_now
from app.core.roles import MemberRole
from app.models import User
from tests.support.factories import add_member, make_organization, make_user

ME = "/api/v1/users/me"


async def test_user_reads_their_profile(caller: AsyncClient, user: User) -> None:
    response = await caller.get(ME)

    assert response.status_code == 200
    assert response.json()["id"] == str(user.id)
    assert response.json()["organizations"] == []
    assert "password" not in response.text


async def test_profile_lists_organizations_with_the_role(
    caller: AsyncClient, session: AsyncSession, user: User
) -> None:
    await make_organization(session, user, name="Beta", slug="beta")
    other = await make_organization(session, await make_user(session), name="Alpha", slug="alpha")
    await add_member(session, other, user, MemberRole.VIEWER)
    await make_organization(session, await make_user(session))
    await make_organization(session, user, deleted_at=utc_now())

    organizations = (await caller.get(ME)).json()["organizations"]

    assert [(each["slug"], each["name"], each["role"]) for each in organizations] == [
        ("alpha", "Alpha", "viewer"),
        ("beta", "Beta", "owner"),
    ]


async def test_user_changes_their_name(caller: AsyncClient) -> None:
    response = await caller.patch(ME, json={"name": "  Ada King  "})

    assert response.status_code == 200
    assert response.json()["name"] == "Ada King"
    assert (await caller.get(ME)).json()["name"] == "Ada King"


async def test_change_updates_updated_at(caller: AsyncClient) -> None:
    user = (await caller.patch(ME, json={"name": "Ada King"})).json()

    assert user["updated_at"] > user["created_at"]
    assert user["updated_at"].endswith("Z")


async def test_empty_change_changes_nothing(caller: AsyncClient, user: User) -> None:
    response = await caller.patch(ME, json={})

    assert response.status_code == 200
    assert response.json()["name"] == user.name


@pytest.mark.parametrize(
    "change",
    [
        {"email": "other@example.com"},
        {"role": "admin"},
        {"is_active": False},
        {"hashed_password": "x"},
        {"name": None},
        {"name": "A"},
    ],
)
async def test_user_changes_only_their_name(
    caller: AsyncClient, user: User, change: dict[str, Any]
) -> None:
    response = await caller.patch(ME, json=change)

    assert response.status_code == 422
    assert response.json()["errors"][0]["field"] == f"body.{next(iter(change))}"
    assert (await caller.get(ME)).json()["name"] == user.name


@pytest.mark.parametrize("header", ["", "Basic YWRhOnNlY3JldA==", "Bearer", "Bearer ", "token"])
async def test_missing_token_or_other_scheme_gets_401(client: AsyncClient, header: str) -> None:
    response = await client.get(ME, headers={"Authorization": header})

    assert response.status_code == 401
    assert response.headers["www-authenticate"] == "Bearer"
