import pytest
from httpx import AsyncClient, Response
from sqlalchemy.ext.asyncio import AsyncSession

from app.api.rate_limit import Policy
from app.models import User
from app.models.one_time_token import Purpose
from app.services.one_time_tokens import LIFETIMES
from tests.support.clock import later
from tests.support.factories import PASSWORD, make_user
from tests.support.limited import running_limited
from tests.support.logins import log_in, status_of_me, try_login
from tests.support.mailbox import Outbox, mails_of, sent_to, token_in
from tests.support.service import Service, assert_problem

CHANGE = "/api/v1/users/me/email"
CONFIRM = "/api/v1/auth/confirm-email"
NEW = "new@example.com"


@pytest.fixture
async def user(session: AsyncSession) -> User:
    return await make_user(session, email="old@example.com")


async def ask(service: Service, user: User, email: str = NEW) -> Response:
    client = await service.sign_in(user)
    return await client.post(CHANGE, json={"email": email, "password": PASSWORD})


async def confirm(client: AsyncClient, outbox: Outbox, address: str = NEW) -> Response:
    return await client.post(CONFIRM, json={"token": token_in(sent_to(outbox, address)[-1])})


async def test_email_changes_once_the_new_one_is_confirmed(
    service: Service, client: AsyncClient, session: AsyncSession, user: User, outbox: Outbox
) -> None:
    assert (await ask(service, user)).status_code == 202
    await session.refresh(user)
    assert user.email == "old@example.com"

    assert (await confirm(client, outbox)).status_code == 204

    await session.refresh(user)
    assert (user.email, user.email_normalized) == (NEW, NEW)
    assert user.email_verified_at is not None
    assert (await try_login(client, NEW)).status_code == 200


async def test_old_address_is_notified(service: Service, user: User, outbox: Outbox) -> None:
    await ask(service, user)

    (notice,) = sent_to(outbox, "old@example.com")
    assert notice["Subject"] == "Request to change your email address"
    assert "Your token" not in str(notice)


async def test_wrong_password_changes_nothing(service: Service, user: User, outbox: Outbox) -> None:
    client = await service.sign_in(user)

    response = await client.post(CHANGE, json={"email": NEW, "password": "Wrong-Horse-7!"})

    assert_problem(response, 403, "Incorrect password")
    assert outbox == []


async def test_change_ends_every_session(
    service: Service, client: AsyncClient, user: User, outbox: Outbox
) -> None:
    pair = await log_in(client, user)
    await ask(service, user)

    await confirm(client, outbox)

    assert await status_of_me(client, pair) == 401


async def test_only_the_confirmation_reveals_a_taken_email(
    service: Service, client: AsyncClient, session: AsyncSession, user: User, outbox: Outbox
) -> None:
    await make_user(session, email=NEW)

    assert (await ask(service, user)).status_code == 202
    assert_problem(await confirm(client, outbox), 409)
    await session.refresh(user)
    assert user.email == "old@example.com"


async def test_only_the_last_request_works_and_only_once(
    service: Service, client: AsyncClient, user: User, outbox: Outbox
) -> None:
    await ask(service, user, "first@example.com")
    await ask(service, user)

    assert (await confirm(client, outbox, "first@example.com")).status_code == 400
    assert (await confirm(client, outbox)).status_code == 204
    assert (await confirm(client, outbox)).status_code == 400


async def test_request_expires(
    service: Service, client: AsyncClient, user: User, outbox: Outbox
) -> None:
    await ask(service, user)

    with later(LIFETIMES[Purpose.CHANGE_EMAIL].total_seconds()):
        assert (await confirm(client, outbox)).status_code == 400


async def test_new_password_cancels_a_pending_change(
    service: Service, client: AsyncClient, user: User, outbox: Outbox
) -> None:
    await ask(service, user)
    owner = await service.sign_in(user)
    body = {"current_password": PASSWORD, "new_password": "Another-Horse-8!"}

    assert (await owner.post("/api/v1/users/me/password", json=body)).status_code == 204

    assert (await confirm(client, outbox)).status_code == 400


@pytest.mark.usefixtures("clock")
async def test_requests_of_an_account_are_limited(own_url: str) -> None:
    async with running_limited(own_url, {Policy.MAIL: "2/hour"}) as service:
        user = await service.make(make_user)
        client = await service.sign_in(user)
        async with mails_of(service):
            answers = [
                await client.post(CHANGE, json={"email": f"{n}@example.com", "password": PASSWORD})
                for n in range(3)
            ]

    assert [answer.status_code for answer in answers] == [202, 202, 429]
