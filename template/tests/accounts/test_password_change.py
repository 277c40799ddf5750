import pytest
from httpx import AsyncClient, Response
from sqlalchemy.ext.asyncio import AsyncSession

from app.api.rate_limit import Policy
from app.core.passwords import Passwords
from app.models import User
from tests.support.clock import clock as clock
from tests.support.factories import PASSWORD, make_user
from tests.support.limited import running_limited
from tests.support.logins import Pair, log_in, refresh, status_of_me
from tests.support.outbox import Outbox, sent_to, token_in
from tests.support.outbox import outbox as outbox
from tests.support.problems import assert_problem
from tests.support.service import Service

CHANGE = "/api/v1/users/me/password"
NEW = "Another-Horse-8!"


@pytest.fixture
async def user(session: AsyncSession) -> User:
    return await make_user(session, email="ada@example.com")


@pytest.fixture
async def pair(client: AsyncClient, user: User) -> Pair:
    return await log_in(client, user)


async def change(service: Service, pair: Pair, current: str = PASSWORD, new: str = NEW) -> Response:
    async with service.client(pair["access_token"]) as client:
        return await client.post(CHANGE, json={"current_password": current, "new_password": new})


async def test_the_new_password_replaces_the_old_one(
    service: Service, client: AsyncClient, user: User, pair: Pair
) -> None:
    assert (await change(service, pair)).status_code == 204

    for password, status in ((PASSWORD, 401), (NEW, 200)):
        body = {"email": user.email, "password": password}
        assert (await client.post("/api/v1/auth/login", json=body)).status_code == status


async def test_a_stolen_token_alone_changes_no_password(service: Service, pair: Pair) -> None:
    response = await change(service, pair, current="Wrong-Horse-7!")

    assert_problem(response, 403)
    assert response.json()["detail"] == "Incorrect password"


async def test_every_other_session_ends_at_once(
    service: Service, client: AsyncClient, user: User, pair: Pair
) -> None:
    thief = await log_in(client, user)

    await change(service, pair)

    assert await status_of_me(service, thief) == 401
    assert (await refresh(client, thief)).status_code == 401
    assert await status_of_me(service, pair) == 200
    assert (await refresh(client, pair)).status_code == 200


@pytest.mark.parametrize("new", ["Password123!", "Ada-12345!", "short", PASSWORD])
async def test_a_password_that_is_no_good_is_refused(
    service: Service, pair: Pair, new: str
) -> None:
    response = await change(service, pair, new=new)

    assert_problem(response, 422)
    assert [error["field"] for error in response.json()["errors"]] == ["body.new_password"]
    assert (await change(service, pair)).status_code == 204


async def test_the_owner_is_told_by_mail(
    service: Service, user: User, pair: Pair, outbox: Outbox
) -> None:
    await change(service, pair)

    (mail,) = sent_to(outbox, user.email)
    assert mail["Subject"] == "Your password was changed"


async def test_a_mail_for_a_new_password_is_void_then(
    service: Service, client: AsyncClient, user: User, pair: Pair, outbox: Outbox
) -> None:
    await client.post("/api/v1/auth/forgot-password", json={"email": user.email})
    token = token_in(outbox[-1])

    await change(service, pair)

    body = {"token": token, "password": "Third-Horse-9!"}
    assert (await client.post("/api/v1/auth/reset-password", json=body)).status_code == 400


@pytest.mark.usefixtures("clock")
async def test_passwords_are_guessed_only_so_often(own_url: str) -> None:
    async with running_limited(own_url, {Policy.PASSWORD: "2/minute"}) as service:
        async with service.database.write() as session:
            user = await make_user(session)
        async with service.client() as client:
            pair = await log_in(client, user)
        guesses = [(await change(service, pair, current=f"Wrong-{n}!")).status_code for n in "123"]
        right = await change(service, pair)

    assert guesses == [403, 403, 429]
    assert right.status_code == 429


async def test_a_login_under_way_with_the_old_password_does_not_succeed(
    service: Service, client: AsyncClient, session: AsyncSession, user: User, pair: Pair
) -> None:
    class Slow(Passwords):
        async def verify(self, password: str, hashed: str | None) -> tuple[bool, str | None]:
            service.app.state.passwords = usual
            await change(service, pair)
            return await super().verify(password, hashed)

    usual = service.app.state.passwords
    service.app.state.passwords = Slow(service.settings)
    body = {"email": user.email, "password": PASSWORD}
    response = await client.post("/api/v1/auth/login", json=body)

    assert_problem(response, 401)
    new = await client.post("/api/v1/auth/login", json=body | {"password": NEW})
    assert new.status_code == 200


async def test_a_session_that_ends_meanwhile_changes_nothing(
    service: Service, client: AsyncClient, session: AsyncSession, user: User, pair: Pair
) -> None:
    class Slow(Passwords):
        async def hash(self, password: str) -> str:
            await service.client(pair["access_token"]).post("/api/v1/auth/logout")
            return await super().hash(password)

    usual = service.app.state.passwords
    service.app.state.passwords = Slow(service.settings)
    response = await change(service, pair)
    service.app.state.passwords = usual

    assert response.status_code == 401
    before = user.hashed_password
    await session.refresh(user)
    assert user.hashed_password == before
