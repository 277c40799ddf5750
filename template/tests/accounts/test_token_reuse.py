import asyncio
from datetime import timedelta

import pytest
from httpx import AsyncClient
from sqlalchemy.ext.asyncio import AsyncSession

from app.models import User
from app.services import refresh_tokens
from tests.support.clock import clock as clock
from tests.support.factories import make_user
from tests.support.logins import Pair, later, log_in, refresh, status_of_me
from tests.support.service import Service

pytestmark = pytest.mark.usefixtures("clock")


@pytest.fixture
async def user(session: AsyncSession) -> User:
    return await make_user(session)


@pytest.fixture
async def pair(client: AsyncClient, user: User) -> Pair:
    return await log_in(client, user)


@pytest.fixture
def no_grace(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(refresh_tokens, "GRACE", timedelta())


async def test_reuse_ends_the_session_for_whoever_holds_a_token_of_it(
    service: Service, client: AsyncClient, pair: Pair
) -> None:
    new = (await refresh(client, pair)).json()

    with later(refresh_tokens.GRACE.total_seconds()):
        assert (await refresh(client, pair)).status_code == 401

    assert (await refresh(client, new)).status_code == 401
    assert await status_of_me(service, new) == 401


@pytest.mark.usefixtures("no_grace")
async def test_reuse_ends_the_session_although_the_answer_is_an_error(
    committed_service: Service,
) -> None:
    """On real commits: a rollback with the 401 would let the thief stay."""
    async with committed_service.database.write() as session:
        user = await make_user(session)
    async with committed_service.client() as client:
        pair = await log_in(client, user)
        new = (await refresh(client, pair)).json()

        assert (await refresh(client, pair)).status_code == 401

        assert (await refresh(client, new)).status_code == 401
        assert await status_of_me(committed_service, new) == 401


async def test_reuse_leaves_the_other_sessions_of_the_user_alone(
    client: AsyncClient, user: User, pair: Pair
) -> None:
    elsewhere = await log_in(client, user)
    await refresh(client, pair)

    with later(refresh_tokens.GRACE.total_seconds()):
        await refresh(client, pair)

    assert (await refresh(client, elsewhere)).status_code == 200


async def test_a_client_that_lost_the_answer_asks_again(
    service: Service, client: AsyncClient, pair: Pair
) -> None:
    await refresh(client, pair)

    again = await refresh(client, pair)

    assert again.status_code == 200
    assert await status_of_me(service, again.json()) == 200


async def test_once_the_successor_is_used_nobody_lost_the_answer(
    client: AsyncClient, pair: Pair
) -> None:
    new = (await refresh(client, pair)).json()
    newest = (await refresh(client, new)).json()

    assert (await refresh(client, pair)).status_code == 401
    assert (await refresh(client, newest)).status_code == 401


async def test_of_two_successors_only_one_can_be_used(client: AsyncClient, pair: Pair) -> None:
    one = (await refresh(client, pair)).json()
    other = (await refresh(client, pair)).json()
    newest = (await refresh(client, one)).json()

    assert (await refresh(client, other)).status_code == 401
    assert (await refresh(client, newest)).status_code == 401


async def test_of_two_successors_at_once_only_one_can_be_used(committed_service: Service) -> None:
    async with committed_service.database.write() as session:
        user = await make_user(session)
    async with committed_service.client() as client:
        pair = await log_in(client, user)
        successors = await asyncio.gather(refresh(client, pair), refresh(client, pair))

        responses = await asyncio.gather(*(refresh(client, each.json()) for each in successors))

    assert sorted(response.status_code for response in responses) == [200, 401]


@pytest.mark.usefixtures("no_grace")
async def test_a_token_sent_twice_at_once_is_spent_once(committed_service: Service) -> None:
    async with committed_service.database.write() as session:
        user = await make_user(session)
    async with committed_service.client() as client:
        pair = await log_in(client, user)

        responses = await asyncio.gather(refresh(client, pair), refresh(client, pair))

    assert sorted(response.status_code for response in responses) == [200, 401]
