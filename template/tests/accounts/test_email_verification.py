import asyncio
from collections.abc import AsyncGenerator

import pytest
from httpx import AsyncClient
from sqlalchemy.ext.asyncio import AsyncSession

from app.api.rate_limit import Policy
from app.models.one_time_token import Purpose
from app.services.one_time_tokens import LIFETIMES
from tests.conftest import settings_for
from tests.support.clock import later
from tests.support.factories import make_admin, make_one_time_token, make_user
from tests.support.limited import running_limited
from tests.support.logins import ADA, REGISTER, try_login
from tests.support.mailbox import Outbox, mails_of, token_in
from tests.support.service import Service, assert_problem, running_with

ASK = "/api/v1/auth/request-verification"
VERIFY = "/api/v1/auth/verify-email"


async def register(client: AsyncClient, outbox: Outbox) -> str:
    """Register Ada and return the token in the welcome mail."""
    response = await client.post(REGISTER, json=ADA)
    assert response.json()["email_verified_at"] is None
    return token_in(outbox[-1])


async def verified_at(client: AsyncClient) -> object:
    return (await try_login(client, ADA["email"])).json()["user"]["email_verified_at"]


async def test_welcome_mail_verifies_the_email(client: AsyncClient, outbox: Outbox) -> None:
    token = await register(client, outbox)
    assert await verified_at(client) is None

    assert (await client.post(VERIFY, json={"token": token})).status_code == 204

    assert await verified_at(client) is not None


async def test_token_expires(client: AsyncClient, outbox: Outbox) -> None:
    token = await register(client, outbox)

    with later(LIFETIMES[Purpose.VERIFY_EMAIL].total_seconds()):
        assert (await client.post(VERIFY, json={"token": token})).status_code == 400


@pytest.mark.parametrize("token", ["", "guess", "\0", "x" * 500])
async def test_unknown_token_verifies_nothing(client: AsyncClient, token: str) -> None:
    response = await client.post(VERIFY, json={"token": token})

    assert_problem(response, 400 if 0 < len(token) < 200 else 422)


async def test_verification_mail_can_be_requested_again(
    service: Service, session: AsyncSession, outbox: Outbox
) -> None:
    ada = await service.sign_in(await make_user(session))

    assert (await ada.post(ASK)).status_code == 202

    assert (await ada.post(VERIFY, json={"token": token_in(outbox[-1])})).status_code == 204
    assert (await ada.post(ASK)).status_code == 202
    assert len(outbox) == 1  # nothing is left to verify


@pytest.mark.usefixtures("clock")
async def test_mails_to_an_address_are_limited(own_url: str) -> None:
    async with running_limited(own_url, {Policy.MAIL: "2/hour"}) as service:
        user = await service.make(make_user)
        ada = await service.sign_in(user)
        async with mails_of(service) as outbox:
            answers = [(await ada.post(ASK)).status_code for _ in range(3)]

    assert answers == [202, 202, 429]
    assert len(outbox) == 2


async def test_user_created_by_admin_is_verified(service: Service, session: AsyncSession) -> None:
    admin = await service.sign_in(await make_admin(session))
    created = await admin.post("/api/v1/users/", json=ADA)

    assert created.json()["email_verified_at"] is not None


@pytest.fixture
async def strict(own_url: str) -> AsyncGenerator[Service]:
    """A service whose users must verify their address before they log in."""
    settings = settings_for(own_url, EMAIL_VERIFICATION_REQUIRED=True)
    async with running_with(settings) as service:
        yield service


async def test_login_needs_a_verified_email_where_required(strict: Service) -> None:
    async with strict.client() as client, mails_of(strict) as outbox:
        token = await register(client, outbox)
        before = await try_login(client, ADA["email"])
        wrong = await try_login(client, ADA["email"], "Wrong-Horse-7!")
        await client.post(VERIFY, json={"token": token})
        after = await try_login(client, ADA["email"])

    assert_problem(before, 403)
    assert "Verify your email address" in before.json()["detail"]
    assert wrong.status_code == 401  # only the right password reveals it
    assert after.status_code == 200


async def test_token_sent_four_times_verifies_once(committed_service: Service) -> None:
    user = await committed_service.make(make_user)
    token = await committed_service.make(make_one_time_token, user, Purpose.VERIFY_EMAIL)

    async with committed_service.client() as client:
        verify = [client.post(VERIFY, json={"token": token}) for _ in range(4)]
        responses = await asyncio.gather(*verify)

    assert sorted(response.status_code for response in responses) == [204, 400, 400, 400]
