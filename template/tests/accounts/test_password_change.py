from functools import partial

import pytest
from httpx import AsyncClient, Response
from sqlalchemy.ext.asyncio import AsyncSession

from app.api.rate_limit import Policy
from app.models import User
from tests.support.factories import PASSWORD, make_user
from tests.support.limited import running_limited
from tests.support.logins import Pair, bearer, log_in, refresh, status_of_me, try_login
from tests.support.mailbox import Outbox, sent_to, token_in
from tests.support.races import before
from tests.support.service import assert_problem

CHANGE = "/api/v1/users/me/password"
NEW = "Another-Horse-8!"


async def change(
    client: AsyncClient, pair: Pair, current: str = PASSWORD, new: str = NEW
) -> Response:
    body = {"current_password": current, "new_password": new}
    return await client.post(CHANGE, json=body, headers=bearer(pair))


async def test_new_password_replaces_the_old(client: AsyncClient, user: User, pair: Pair) -> None:
    assert (await change(client, pair)).status_code == 204

    for password, status in ((PASSWORD, 401), (NEW, 200)):
        assert (await try_login(client, user.email, password)).status_code == status


async def test_wrong_password_changes_nothing(client: AsyncClient, pair: Pair) -> None:
    assert_problem(await change(client, pair, current="Wrong-Horse-7!"), 403, "Incorrect password")


async def test_every_other_session_ends(client: AsyncClient, user: User, pair: Pair) -> None:
    thief = await log_in(client, user)

    await change(client, pair)

    assert await status_of_me(client, thief) == 401
    assert (await refresh(client, thief)).status_code == 401
    assert await status_of_me(client, pair) == 200
    assert (await refresh(client, pair)).status_code == 200


@pytest.mark.parametrize("new", ["Password123!", "Ada-12345!", "short", PASSWORD])
async def test_weak_password_gets_422(client: AsyncClient, pair: Pair, new: str) -> None:
    response = await change(client, pair, new=new)

    assert_problem(response, 422)
    assert [error["field"] for error in response.json()["errors"]] == ["body.new_password"]
    assert (await change(client, pair)).status_code == 204


async def test_user_is_emailed(client: AsyncClient, user: User, pair: Pair, outbox: Outbox) -> None:
    await change(client, pair)

    (mail,) = sent_to(outbox, user.email)
    assert mail["Subject"] == "Your password was changed"


async def test_pending_reset_is_cancelled(
    client: AsyncClient, user: User, pair: Pair, outbox: Outbox
) -> None:
    await client.post("/api/v1/auth/forgot-password", json={"email": user.email})
    token = token_in(outbox[-1])

    await change(client, pair)

    body = {"token": token, "password": "Third-Horse-9!"}
    assert (await client.post("/api/v1/auth/reset-password", json=body)).status_code == 400


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", CHANGE, {"new_password": NEW}),
        ("POST", "/api/v1/users/me/email", {"email": "new@example.com"}),
        ("DELETE", "/api/v1/users/me", {}),
    ],
)
@pytest.mark.usefixtures("clock")
async def test_password_guesses_are_limited(
    own_url: str, method: str, path: str, body: dict[str, str]
) -> None:
    field = "current_password" if path == CHANGE else "password"
    async with running_limited(own_url, {Policy.PASSWORD: "2/minute"}) as service:
        client = await service.sign_in(await service.make(make_user))
        answers = [
            await client.request(method, path, json=body | {field: password})
            for password in ("Wrong-1!", "Wrong-2!", "Wrong-3!", PASSWORD)
        ]

    assert [answer.status_code for answer in answers] == [403, 403, 429, 429]


async def test_login_in_progress_with_the_old_password_fails(
    client: AsyncClient, user: User, pair: Pair
) -> None:
    with before("verify", lambda: change(client, pair)):
        assert_problem(await try_login(client, user.email), 401)

    assert (await try_login(client, user.email, NEW)).status_code == 200


async def test_session_that_ends_during_the_request_changes_nothing(
    client: AsyncClient, session: AsyncSession, user: User, pair: Pair
) -> None:
    hashed = user.hashed_password
    logout = partial(client.post, "/api/v1/auth/logout", headers=bearer(pair))
    with before("hash", logout):
        assert_problem(await change(client, pair), 401)

    await session.refresh(user)
    assert user.hashed_password == hashed
