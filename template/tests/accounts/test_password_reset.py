from datetime import timedelta

import pytest
from httpx import AsyncClient, Response
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.api.rate_limit import Policy
from app.core.clock import utc_now
from app.models import OneTimeToken, User
from app.models.one_time_token import Purpose
from app.services.one_time_tokens import LIFETIMES
from app.tasks.queue import TaskRunner
from tests.support.clock import later
from tests.support.factories import PASSWORD, make_api_key, make_one_time_token, make_user
from tests.support.limited import running_limited
from tests.support.logins import log_in, refresh, status_of_me, try_login
from tests.support.mailbox import Outbox, mails_of, text, token_in
from tests.support.service import Service, assert_problem

FORGOT = "/api/v1/auth/forgot-password"
RESET = "/api/v1/auth/reset-password"
NEW = "Another-Horse-8!"


async def reset(client: AsyncClient, token: str, password: str = NEW) -> Response:
    return await client.post(RESET, json={"token": token, "password": password})


async def ask(client: AsyncClient, outbox: Outbox, email: str = "ada@example.com") -> str:
    response = await client.post(FORGOT, json={"email": email})
    assert response.status_code == 202
    return token_in(outbox[-1])


async def test_token_sets_a_new_password(client: AsyncClient, user: User, outbox: Outbox) -> None:
    token = await ask(client, outbox, "ADA@example.com")

    assert (await reset(client, token)).status_code == 204

    for password, status in ((NEW, 200), (PASSWORD, 401)):
        assert (await try_login(client, user.email, password)).status_code == status


async def test_response_does_not_reveal_an_account(
    client: AsyncClient, session: AsyncSession, user: User, outbox: Outbox
) -> None:
    await make_user(session, email="gone@example.com", deleted_at=utc_now())
    await make_user(session, email="idle@example.com", is_active=False)

    known = await client.post(FORGOT, json={"email": user.email})
    others = [
        await client.post(FORGOT, json={"email": f"{name}@example.com"})
        for name in ("nobody", "gone", "idle")
    ]

    assert {(each.status_code, each.text) for each in [known, *others]} == {(202, known.text)}
    assert [mail["To"] for mail in outbox] == [user.email]


async def test_unknown_email_enqueues_the_same_work(
    service: Service, client: AsyncClient, user: User
) -> None:
    enqueued: list[tuple[object, int]] = []

    async def start(task: object, job_id: str, args: list[str], kwargs: dict[str, str]) -> None:
        enqueued.append((task, len(args)))

    with service.replaced(tasks=TaskRunner(start)):
        await client.post(FORGOT, json={"email": user.email})
        await client.post(FORGOT, json={"email": "nobody@example.com"})

    assert len(enqueued) == 2
    assert len(set(enqueued)) == 1


async def test_token_works_once(client: AsyncClient, user: User, outbox: Outbox) -> None:
    token = await ask(client, outbox)
    await reset(client, token)

    assert_problem(await reset(client, token, "Third-Horse-9!"), 400)
    assert (await try_login(client, user.email, NEW)).status_code == 200


async def test_reset_cancels_other_tokens(client: AsyncClient, user: User, outbox: Outbox) -> None:
    first, second = await ask(client, outbox), await ask(client, outbox)

    assert (await reset(client, second)).status_code == 204
    assert (await reset(client, first)).status_code == 400


@pytest.mark.usefixtures("clock")
async def test_token_expires(client: AsyncClient, user: User, outbox: Outbox) -> None:
    lifetime = LIFETIMES[Purpose.RESET_PASSWORD].total_seconds()
    token = await ask(client, outbox)

    with later(lifetime):
        assert (await reset(client, token)).status_code == 400
    with later(lifetime - 5):
        assert (await reset(client, token)).status_code == 204


@pytest.mark.parametrize("purpose", [Purpose.VERIFY_EMAIL, Purpose.CHANGE_EMAIL])
async def test_token_for_another_purpose_is_rejected(
    client: AsyncClient, session: AsyncSession, user: User, purpose: Purpose
) -> None:
    token = await make_one_time_token(session, user, purpose)

    assert_problem(await reset(client, token), 400)


async def test_weak_password_keeps_token(client: AsyncClient, user: User, outbox: Outbox) -> None:
    token = await ask(client, outbox)

    assert_problem(await reset(client, token, "Password123!"), 422)
    assert (await reset(client, token)).status_code == 204


async def test_reset_ends_every_session_and_revokes_every_api_key(
    service: Service, client: AsyncClient, session: AsyncSession, user: User, outbox: Outbox
) -> None:
    pair = await log_in(client, user)
    _, key = await make_api_key(session, user)

    await reset(client, await ask(client, outbox))

    assert await status_of_me(client, pair) == 401
    assert (await refresh(client, pair)).status_code == 401
    assert (await service.client(key).get("/api/v1/users/me")).status_code == 401


async def test_token_is_in_the_fragment(service: Service, client: AsyncClient, user: User) -> None:
    async with mails_of(service, FRONTEND_URL="https://www.example.com") as outbox:
        await client.post(FORGOT, json={"email": user.email})

    link = "https://www.example.com/reset-password#token="
    for kind in ("plain", "html"):
        assert link in text(outbox[0], kind)


async def test_reset_verifies_the_email_and_notifies_the_user(
    client: AsyncClient, session: AsyncSession, user: User, outbox: Outbox
) -> None:
    token = await ask(client, outbox)

    await reset(client, token)

    await session.refresh(user)
    assert user.email_verified_at is not None
    assert outbox[-1]["Subject"] == "Your password was changed"


async def test_token_needs_an_active_account_with_the_same_email(
    client: AsyncClient, session: AsyncSession, user: User, outbox: Outbox
) -> None:
    token = await ask(client, outbox)
    for change in ({"is_active": False}, {"deleted_at": utc_now()}, {"email": "new@example.com"}):
        usual = {name: getattr(user, name) for name in change}
        for name, value in change.items():
            setattr(user, name, value)
        await session.commit()

        assert (await reset(client, token)).status_code == 400

        for name, value in usual.items():
            setattr(user, name, value)
        await session.commit()
    assert (await reset(client, token)).status_code == 204


async def test_token_is_not_stored(
    client: AsyncClient, session: AsyncSession, user: User, outbox: Outbox
) -> None:
    token = await ask(client, outbox)

    (row,) = (await session.scalars(select(OneTimeToken))).all()
    stored = {str(getattr(row, column.key)) for column in OneTimeToken.__table__.columns}
    assert token not in stored
    assert row.expires_at - row.created_at <= timedelta(minutes=31)


@pytest.mark.usefixtures("clock")
async def test_mails_to_an_address_are_limited(own_url: str) -> None:
    async with (
        running_limited(own_url, {Policy.MAIL: "2/hour"}) as service,
        service.client() as client,
        mails_of(service) as outbox,
    ):
        await service.make(make_user, email="ada@example.com")
        answers = [
            (await client.post(FORGOT, json={"email": email})).status_code
            for email in ("ada@example.com", "ADA@example.com", "ada@example.com")
        ]
        other = await client.post(FORGOT, json={"email": "other@example.com"})

    assert answers == [202, 202, 429]
    assert other.status_code == 202
    assert len(outbox) == 2


@pytest.mark.usefixtures("clock")
async def test_token_guesses_of_an_address_are_limited(own_url: str) -> None:
    async with (
        running_limited(own_url, {Policy.TOKEN: "2/minute"}, RATE_LIMIT_ADDRESSES=True) as service,
        service.client() as client,
    ):
        answers = [(await reset(client, f"guess-{number}")).status_code for number in range(3)]

    assert answers == [400, 400, 429]
