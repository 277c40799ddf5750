from typing import Any

import pytest
from httpx import AsyncClient, Response
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.clock import utc_now
from app.core.roles import MemberRole
from app.models import User
from tests.support.factories import (
    PASSWORD,
    add_member,
    make_admin,
    make_api_key,
    make_organization,
    make_user,
)
from tests.support.logins import REGISTER, Pair, bearer, refresh, status_of_me, try_login
from tests.support.races import before
from tests.support.service import Service, assert_problem

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


async def delete(client: AsyncClient, pair: Pair, password: str = PASSWORD) -> Response:
    return await client.request("DELETE", ME, json={"password": password}, headers=bearer(pair))


async def test_password_deletes_the_account(client: AsyncClient, user: User, pair: Pair) -> None:
    assert (await delete(client, pair)).status_code == 204

    assert await status_of_me(client, pair) == 401
    assert (await refresh(client, pair)).status_code == 401
    assert (await try_login(client, user.email)).status_code == 401


async def test_wrong_password_deletes_nothing(client: AsyncClient, pair: Pair) -> None:
    assert_problem(await delete(client, pair, "Wrong-Horse-7!"), 403)
    assert await status_of_me(client, pair) == 200


async def test_session_that_ends_during_the_request_deletes_nothing(
    client: AsyncClient, user: User, pair: Pair
) -> None:
    async def log_out() -> None:
        await client.post("/api/v1/auth/logout-all", headers=bearer(pair))

    with before("verify", log_out):
        assert_problem(await delete(client, pair), 401)

    assert (await try_login(client, user.email)).status_code == 200


async def test_email_is_free_again(client: AsyncClient, user: User, pair: Pair) -> None:
    await delete(client, pair)

    body = {"email": user.email, "name": "Ada", "password": PASSWORD}
    assert (await client.post(REGISTER, json=body)).status_code == 201


async def test_sole_owner_cannot_delete_their_account(
    client: AsyncClient, session: AsyncSession, user: User, pair: Pair
) -> None:
    await make_organization(session, user, slug="acme")
    shared = await make_organization(session, user, slug="shared")
    await add_member(session, shared, await make_user(session), MemberRole.OWNER)

    response = await delete(client, pair)

    assert_problem(response, 409)
    assert "acme" in response.json()["detail"]
    assert "shared" not in response.json()["detail"]
    assert await status_of_me(client, pair) == 200


async def test_last_admin_cannot_delete_themselves(service: Service, session: AsyncSession) -> None:
    client = await service.sign_in(await make_admin(session))

    assert_problem(await client.request("DELETE", ME, json={"password": PASSWORD}), 409)


async def test_memberships_and_keys_end_with_the_account(
    client: AsyncClient, service: Service, session: AsyncSession, user: User, pair: Pair
) -> None:
    owner = await make_user(session)
    organization = await make_organization(session, owner, slug="acme")
    await add_member(session, organization, user)
    _, secret = await make_api_key(session, user)

    await delete(client, pair)

    members = await (await service.sign_in(owner)).get("/api/v1/organizations/acme/members/")
    assert [each["user_id"] for each in members.json()["data"]] == [str(owner.id)]
    assert (await service.client(secret).get(ME)).status_code == 401
