from collections.abc import AsyncGenerator

import pytest
from httpx import AsyncClient, Response

from tests.conftest import settings_for
from tests.support.factories import PASSWORD, make_user
from tests.support.hashing import before
from tests.support.outbox import mails_of
from tests.support.service import Service, running_with

REGISTER = "/api/v1/auth/register"


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
