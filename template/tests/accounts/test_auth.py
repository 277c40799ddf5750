import asyncio
from collections.abc import AsyncGenerator
from typing import Any

import pytest
from httpx import AsyncClient, Response
from pwdlib.hashers.argon2 import Argon2Hasher
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.config import Settings
from app.core.errors import Unauthorized
from app.core.passwords import Passwords
from app.core.roles import UserRole
from app.services import auth
from tests.conftest import settings_for
from tests.support.factories import PASSWORD, make_user
from tests.support.logins import REGISTER, try_login
from tests.support.mailbox import mails_of
from tests.support.races import before
from tests.support.service import Service, assert_problem, running_with

INVALID_EMAILS = [
    "not-an-address",
    "Ada <ada@example.com>",
    "=?utf-8?q?=61da?=@example.com",
    "a\x00da@example.com",
    "ﷺ" * 15 + "@example.com",
    "a" * 300 + "@example.com",
]
LETTER_QA = "\N{DEVANAGARI LETTER QA}"
INVALID_NAMES = ["A", "A" * 101, " A ", LETTER_QA * 51, "A\x00da", "A\nda", "\x1b[31mAda", None]
WEAK_PASSWORDS = ["Sh0rt!!", "Aa1!" * 33, "no-upper-7!", "No-Digit!", "No7Special", "P@ssw0rd123!"]


def newcomer(**changes: Any) -> dict[str, Any]:
    return {"email": "ada@example.com", "name": "Ada Lovelace", "password": PASSWORD} | changes


async def test_registration_creates_a_user(client: AsyncClient) -> None:
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
async def test_email_is_taken_in_every_spelling(client: AsyncClient, email: str) -> None:
    await client.post(REGISTER, json=newcomer())

    response = await client.post(REGISTER, json=newcomer(email=email))

    assert_problem(response, 409, "Email already registered")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *(("email", value) for value in INVALID_EMAILS),
        *(("name", value) for value in INVALID_NAMES),
        *(("password", value) for value in WEAK_PASSWORDS),
        ("role", "admin"),
        ("is_active", False),
        ("is_admin", True),
    ],
)
async def test_bad_registration_gets_422(client: AsyncClient, field: str, value: object) -> None:
    response = await client.post(REGISTER, json=newcomer(**{field: value}))

    assert response.status_code == 422
    assert response.json()["errors"][0]["field"] == f"body.{field}"


@pytest.mark.parametrize(
    ("field", "value"),
    [("name", "Al"), ("name", "A" * 100), ("password", "Hprs-7!x"), ("password", PASSWORD * 8)],
)
async def test_extreme_lengths_are_accepted(client: AsyncClient, field: str, value: str) -> None:
    body = newcomer(**{field: value})

    assert (await client.post(REGISTER, json=body)).status_code == 201
    assert (await try_login(client, body["email"], body["password"])).status_code == 200


async def test_concurrent_registrations_create_one_user(committed_service: Service) -> None:
    async with committed_service.client() as client:
        responses = await asyncio.gather(
            *(client.post(REGISTER, json=newcomer(email=email)) for email in ("a@x.com", "A@X.com"))
        )

    assert sorted(response.status_code for response in responses) == [201, 409]


async def test_user_logs_in(service: Service, client: AsyncClient, session: AsyncSession) -> None:
    user = await make_user(session, email="Ada@example.com")

    response = await try_login(client, "aDA@example.com")

    assert response.status_code == 200
    answer = response.json()
    assert answer["token_type"] == "bearer"
    assert answer["user"]["id"] == str(user.id)
    assert "password" not in response.text
    me = await service.client(answer["access_token"]).get("/api/v1/users/me")
    assert me.json()["email"] == "Ada@example.com"


async def test_failed_login_reveals_no_account(client: AsyncClient, session: AsyncSession) -> None:
    user = await make_user(session)

    wrong = await try_login(client, user.email, "Wrong-Horse-7!")
    unknown = await try_login(client, "no@example.com")

    assert wrong.status_code == unknown.status_code == 401
    assert wrong.json()["detail"] == unknown.json()["detail"] == "Incorrect email or password"
    assert wrong.headers["www-authenticate"] == unknown.headers["www-authenticate"] == "Bearer"


async def test_only_the_right_password_reveals_an_inactive_account(
    client: AsyncClient, session: AsyncSession
) -> None:
    user = await make_user(session, is_active=False)

    wrong = await try_login(client, user.email, "Wrong-Horse-7!")
    right = await try_login(client, user.email)

    assert wrong.status_code == 401
    assert_problem(right, 403, "Inactive account")


async def test_login_renews_an_outdated_hash(client: AsyncClient, session: AsyncSession) -> None:
    stronger = Argon2Hasher(time_cost=2, memory_cost=8, parallelism=1)
    user = await make_user(session, hashed_password=stronger.hash(PASSWORD))

    assert (await try_login(client, user.email)).status_code == 200
    await session.refresh(user)
    assert ",t=1," in user.hashed_password


@pytest.mark.parametrize("email", ["ada@example.com", "nobody@example.com"])
async def test_no_transaction_is_open_while_a_login_hashes(
    session: AsyncSession, settings: Settings, email: str
) -> None:
    await make_user(session, email="ada@example.com")
    waiting = []

    async def look() -> None:
        waiting.append(session.in_transaction())

    with before("verify", look), pytest.raises(Unauthorized):
        await auth.authenticate(session, Passwords(settings), email=email, password="Wrong-7!")

    assert waiting == [False]


@pytest.fixture
async def discreet(own_url: str) -> AsyncGenerator[Service]:
    """A service that does not reveal who is registered."""
    settings = settings_for(own_url, REGISTRATION_ENUMERATION_SAFE=True)
    async with running_with(settings) as service:
        yield service


async def register(client: AsyncClient, email: str) -> Response:
    return await client.post(REGISTER, json={"email": email, "name": "Ada", "password": PASSWORD})


async def test_known_email_gets_the_response_of_a_new_one(discreet: Service) -> None:
    async with discreet.client() as client, mails_of(discreet) as outbox:
        new = await register(client, "ada@example.com")
        known = await register(client, "ADA@example.com")

    assert new.status_code == known.status_code == 202
    assert new.json() == known.json()
    assert [mail["Subject"] for mail in outbox] == [
        f"Welcome to {discreet.settings.PROJECT_NAME}",
        "You already have an account",
    ]


async def test_known_user_keeps_name_and_password(discreet: Service) -> None:
    user = await discreet.make(make_user, email="ada@example.com", name="Countess")
    async with discreet.client() as client, mails_of(discreet):
        body = {"email": user.email, "name": "Thief", "password": "Another-Horse-8!"}
        await client.post(REGISTER, json=body)
        login = await client.post(
            "/api/v1/auth/login", json={"email": user.email, "password": PASSWORD}
        )

    assert login.json()["user"]["name"] == "Countess"


async def test_known_email_costs_a_hash_too(discreet: Service) -> None:
    """Hashing takes most of the time of a registration."""
    hashed = []

    async def count() -> None:
        hashed.append(1)

    async with discreet.client() as client, mails_of(discreet):
        with before("hash", count):
            for _ in range(2):
                await register(client, "ada@example.com")

    assert hashed == [1, 1]
