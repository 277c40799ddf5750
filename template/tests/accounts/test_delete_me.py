import pytest
from httpx import AsyncClient, Response
from sqlalchemy.ext.asyncio import AsyncSession

from app.api.rate_limit import Policy
from app.core.passwords import Passwords
from app.core.roles import MemberRole
from app.models import User
from tests.support.clock import clock as clock
from tests.support.factories import (
    PASSWORD,
    add_member,
    make_admin,
    make_api_key,
    make_organization,
    make_user,
)
from tests.support.limited import running_limited
from tests.support.logins import Pair, log_in, refresh, status_of_me
from tests.support.problems import assert_problem
from tests.support.service import Service

ME = "/api/v1/users/me"


@pytest.fixture
async def user(session: AsyncSession) -> User:
    return await make_user(session, email="ada@example.com")


@pytest.fixture
async def pair(client: AsyncClient, user: User) -> Pair:
    return await log_in(client, user)


async def delete(service: Service, pair: Pair, password: str = PASSWORD) -> Response:
    async with service.client(pair["access_token"]) as client:
        return await client.request("DELETE", ME, json={"password": password})


async def test_who_knows_the_password_deletes_the_account(
    service: Service, client: AsyncClient, user: User, pair: Pair
) -> None:
    assert (await delete(service, pair)).status_code == 204

    assert await status_of_me(service, pair) == 401
    assert (await refresh(client, pair)).status_code == 401
    body = {"email": user.email, "password": PASSWORD}
    assert (await client.post("/api/v1/auth/login", json=body)).status_code == 401


async def test_a_stolen_token_alone_deletes_nothing(service: Service, pair: Pair) -> None:
    assert_problem(await delete(service, pair, "Wrong-Horse-7!"), 403)
    assert await status_of_me(service, pair) == 200


async def test_a_session_that_ends_meanwhile_deletes_nothing(
    service: Service, client: AsyncClient, user: User, pair: Pair
) -> None:
    class Slow(Passwords):
        async def verify(self, password: str, hashed: str | None) -> tuple[bool, str | None]:
            await service.client(pair["access_token"]).post("/api/v1/auth/logout-all")
            return await super().verify(password, hashed)

    usual = service.app.state.passwords
    service.app.state.passwords = Slow(service.settings)
    response = await delete(service, pair)
    service.app.state.passwords = usual

    assert_problem(response, 401)
    body = {"email": user.email, "password": PASSWORD}
    assert (await client.post("/api/v1/auth/login", json=body)).status_code == 200


async def test_the_address_is_free_again(
    service: Service, client: AsyncClient, user: User, pair: Pair
) -> None:
    await delete(service, pair)

    body = {"email": user.email, "name": "Ada", "password": PASSWORD}
    assert (await client.post("/api/v1/auth/register", json=body)).status_code == 201


async def test_sole_owners_are_told_what_stands_in_the_way(
    service: Service, session: AsyncSession, user: User, pair: Pair
) -> None:
    await make_organization(session, user, slug="acme")
    shared = await make_organization(session, user, slug="shared")
    await add_member(session, shared, await make_user(session), MemberRole.OWNER)

    response = await delete(service, pair)

    assert_problem(response, 409)
    assert "acme" in response.json()["detail"]
    assert "shared" not in response.json()["detail"]
    assert await status_of_me(service, pair) == 200


async def test_the_last_administrator_stays(service: Service, session: AsyncSession) -> None:
    admin = await make_admin(session)
    client = await service.sign_in(admin)

    assert_problem(await client.request("DELETE", ME, json={"password": PASSWORD}), 409)


async def test_memberships_and_keys_end_too(
    service: Service, session: AsyncSession, user: User, pair: Pair
) -> None:
    owner = await make_user(session)
    organization = await make_organization(session, owner, slug="acme")
    await add_member(session, organization, user)
    _, secret = await make_api_key(session, user)

    await delete(service, pair)

    members = await (await service.sign_in(owner)).get("/api/v1/organizations/acme/members/")
    assert [each["user_id"] for each in members.json()["data"]] == [str(owner.id)]
    assert (await service.client(secret).get(ME)).status_code == 401


@pytest.mark.usefixtures("clock")
async def test_passwords_are_guessed_only_so_often(own_url: str) -> None:
    async with running_limited(own_url, {Policy.PASSWORD: "2/minute"}) as service:
        async with service.database.write() as session:
            user = await make_user(session)
        async with service.client() as client:
            pair = await log_in(client, user)
        guesses = [(await delete(service, pair, f"Wrong-{n}!")).status_code for n in "123"]

    assert guesses == [403, 403, 429]
