import asyncio
from typing import Any

import pytest
from httpx import AsyncClient
from pwdlib.hashers.argon2 import Argon2Hasher
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.clock import utc_now
from app.core.config import Settings
from app.core.errors import Unauthorized
from app.core.passwords import Passwords
from app.core.roles import UserRole
from app.services import auth
from tests.support.factories import PASSWORD, make_user
from tests.support.service import Service

REGISTER = "/api/v1/auth/register"
LOGIN = "/api/v1/auth/login"


def newcomer(**changes: Any) -> dict[str, Any]:
    return {"email": "ada@example.com", "name": "Ada Lovelace", "password": PASSWORD} | changes


async def test_a_newcomer_registers(client: AsyncClient) -> None:
    response = await client.post(REGISTER, json=newcomer())

    assert response.status_code == 201
    user = response.json()
    assert user["email"] == "ada@example.com"
    assert user["name"] == "Ada Lovelace"
    assert user["role"] == UserRole.USER
    assert user["is_active"] is True
    assert PASSWORD not in response.text
    assert "password" not in response.text
    assert "argon2" not in response.text


@pytest.mark.parametrize(
    "email",
    ["ada@example.com", "Ada@EXAMPLE.com", " \N{FULLWIDTH LATIN SMALL LETTER A}da@example.com "],
)
async def test_an_email_is_taken_in_every_spelling(client: AsyncClient, email: str) -> None:
    await client.post(REGISTER, json=newcomer())

    response = await client.post(REGISTER, json=newcomer(email=email))

    assert response.status_code == 409
    assert response.json()["detail"] == "Email already registered"


async def test_the_email_of_a_deleted_user_is_free(
    client: AsyncClient, session: AsyncSession
) -> None:
    await make_user(session, email="ada@example.com", deleted_at=utc_now())

    response = await client.post(REGISTER, json=newcomer())

    assert response.status_code == 201


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("role", "admin"),
        ("is_active", False),
        ("is_admin", True),
        ("email", "not-an-address"),
        ("email", "Ada <ada@example.com>"),
        ("email", "=?utf-8?q?=61da?=@example.com"),
        ("email", "a\x00da@example.com"),
        ("email", "ﷺ" * 15 + "@example.com"),
        ("email", "a" * 300 + "@example.com"),
        ("name", "A"),
        ("name", "A" * 101),
        ("name", "   A   "),
        ("name", "\N{DEVANAGARI LETTER QA}" * 51),
        ("name", "Ada\x00"),
        ("name", "Ada\nLovelace"),
        ("name", "\x1b[31mAda"),
        ("name", None),
        ("password", "Sh0rt!!"),
        ("password", "Aa1!" * 33),
        ("password", "no-uppercase-7!"),
        ("password", "No-Digit-Here!"),
        ("password", "NoSpecial7seven"),
        ("password", "P@ssw0rd123!"),
    ],
)
async def test_registration_refuses(client: AsyncClient, field: str, value: object) -> None:
    response = await client.post(REGISTER, json=newcomer(**{field: value}))

    assert response.status_code == 422
    assert response.json()["errors"][0]["field"] == f"body.{field}"


@pytest.mark.parametrize(
    ("field", "value"),
    [("name", "Al"), ("name", "A" * 100), ("password", "Hprs-7!x"), ("password", PASSWORD * 8)],
)
async def test_the_shortest_and_the_longest_will_do(
    client: AsyncClient, field: str, value: str
) -> None:
    body = newcomer(**{field: value})

    assert (await client.post(REGISTER, json=body)).status_code == 201
    login = {"email": body["email"], "password": body["password"]}
    assert (await client.post(LOGIN, json=login)).status_code == 200


async def test_two_registrations_at_once_make_one_user(committed_service: Service) -> None:
    async with committed_service.client() as client:
        responses = await asyncio.gather(
            *(client.post(REGISTER, json=newcomer(email=email)) for email in ("a@x.com", "A@X.com"))
        )

    assert sorted(response.status_code for response in responses) == [201, 409]


async def test_a_user_logs_in(service: Service, client: AsyncClient, session: AsyncSession) -> None:
    user = await make_user(session, email="Ada@example.com")

    response = await client.post(LOGIN, json={"email": "aDA@example.com", "password": PASSWORD})

    assert response.status_code == 200
    answer = response.json()
    assert answer["token_type"] == "bearer"
    assert answer["user"]["id"] == str(user.id)
    assert "password" not in response.text
    me = await service.client(answer["access_token"]).get("/api/v1/users/me")
    assert me.json()["email"] == "Ada@example.com"


async def test_login_does_not_tell_which_half_was_wrong(
    client: AsyncClient, session: AsyncSession
) -> None:
    user = await make_user(session)

    wrong = await client.post(LOGIN, json={"email": user.email, "password": "Wrong-Horse-7!"})
    unknown = await client.post(LOGIN, json={"email": "no@example.com", "password": PASSWORD})

    assert wrong.status_code == unknown.status_code == 401
    assert wrong.json()["detail"] == unknown.json()["detail"] == "Incorrect email or password"
    assert wrong.headers["www-authenticate"] == unknown.headers["www-authenticate"] == "Bearer"


async def test_a_deleted_user_is_unknown(client: AsyncClient, session: AsyncSession) -> None:
    user = await make_user(session, deleted_at=utc_now())

    response = await client.post(LOGIN, json={"email": user.email, "password": PASSWORD})

    assert response.status_code == 401


async def test_only_the_right_password_reveals_that_an_account_is_inactive(
    client: AsyncClient, session: AsyncSession
) -> None:
    user = await make_user(session, is_active=False)

    wrong = await client.post(LOGIN, json={"email": user.email, "password": "Wrong-Horse-7!"})
    right = await client.post(LOGIN, json={"email": user.email, "password": PASSWORD})

    assert wrong.status_code == 401
    assert right.status_code == 403
    assert right.json()["detail"] == "Inactive account"


async def test_a_login_renews_a_hash_with_old_parameters(
    client: AsyncClient, session: AsyncSession
) -> None:
    stronger = Argon2Hasher(time_cost=2, memory_cost=8, parallelism=1)
    user = await make_user(session, hashed_password=stronger.hash(PASSWORD))

    response = await client.post(LOGIN, json={"email": user.email, "password": PASSWORD})

    assert response.status_code == 200
    await session.refresh(user)
    assert ",t=1," in user.hashed_password


@pytest.mark.parametrize("email", ["ada@example.com", "nobody@example.com"])
async def test_a_login_verifies_a_hash_and_no_transaction_waits_for_it(
    session: AsyncSession, settings: Settings, email: str
) -> None:
    waiting = []

    class Watched(Passwords):
        async def verify(self, password: str, hashed: str | None) -> tuple[bool, str | None]:
            waiting.append(session.in_transaction())
            return await super().verify(password, hashed)

    await make_user(session, email="ada@example.com")

    with pytest.raises(Unauthorized):
        await auth.authenticate(session, Watched(settings), email=email, password="Wrong-Horse-7!")

    assert waiting == [False]
