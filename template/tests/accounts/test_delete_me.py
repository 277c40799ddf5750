from httpx import AsyncClient, Response
from sqlalchemy.ext.asyncio import AsyncSession

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
from tests.support.hashing import before
from tests.support.logins import REGISTER, Pair, bearer, refresh, status_of_me, try_login
from tests.support.problems import assert_problem
from tests.support.service import Service

ME = "/api/v1/users/me"


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
