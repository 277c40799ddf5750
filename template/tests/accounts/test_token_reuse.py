import asyncio
from datetime import timedelta

import pytest
from httpx import AsyncClient

from app.models import User
from app.services import refresh_tokens
from tests.support.clock import later
from tests.support.factories import make_user
from tests.support.logins import Pair, log_in, refresh, status_of_me
from tests.support.service import Service

pytestmark = pytest.mark.usefixtures("clock")


@pytest.fixture
def no_grace(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(refresh_tokens, "GRACE", timedelta())


async def test_spent_refresh_token_revokes_the_session(client: AsyncClient, pair: Pair) -> None:
    new = (await refresh(client, pair)).json()

    with later(refresh_tokens.GRACE.total_seconds()):
        assert (await refresh(client, pair)).status_code == 401

    assert (await refresh(client, new)).status_code == 401
    assert await status_of_me(client, new) == 401


@pytest.mark.usefixtures("no_grace")
async def test_revocation_survives_the_failed_request(committed_service: Service) -> None:
    """Needs real commits: a rollback with the 401 would let the thief stay."""
    user = await committed_service.make(make_user)
    async with committed_service.client() as client:
        pair = await log_in(client, user)
        new = (await refresh(client, pair)).json()

        assert (await refresh(client, pair)).status_code == 401

        assert (await refresh(client, new)).status_code == 401
        assert await status_of_me(client, new) == 401


async def test_spent_refresh_token_leaves_other_sessions_alone(
    client: AsyncClient, user: User, pair: Pair
) -> None:
    elsewhere = await log_in(client, user)
    await refresh(client, pair)

    with later(refresh_tokens.GRACE.total_seconds()):
        await refresh(client, pair)

    assert (await refresh(client, elsewhere)).status_code == 200


async def test_lost_response_can_be_requested_again(client: AsyncClient, pair: Pair) -> None:
    await refresh(client, pair)

    again = await refresh(client, pair)

    assert again.status_code == 200
    assert await status_of_me(client, again.json()) == 200


async def test_retry_after_successor_use_ends_the_session(client: AsyncClient, pair: Pair) -> None:
    new = (await refresh(client, pair)).json()
    newest = (await refresh(client, new)).json()

    assert (await refresh(client, pair)).status_code == 401
    assert (await refresh(client, newest)).status_code == 401


async def test_second_successor_is_rejected(client: AsyncClient, pair: Pair) -> None:
    one = (await refresh(client, pair)).json()
    other = (await refresh(client, pair)).json()
    newest = (await refresh(client, one)).json()

    assert (await refresh(client, other)).status_code == 401
    assert (await refresh(client, newest)).status_code == 401


async def test_concurrent_successors_yield_one_pair(committed_service: Service) -> None:
    user = await committed_service.make(make_user)
    async with committed_service.client() as client:
        pair = await log_in(client, user)
        successors = await asyncio.gather(refresh(client, pair), refresh(client, pair))

        responses = await asyncio.gather(*(refresh(client, each.json()) for each in successors))

    assert sorted(response.status_code for response in responses) == [200, 401]


@pytest.mark.usefixtures("no_grace")
async def test_token_sent_twice_at_once_is_spent_once(committed_service: Service) -> None:
    user = await committed_service.make(make_user)
    async with committed_service.client() as client:
        pair = await log_in(client, user)

        responses = await asyncio.gather(refresh(client, pair), refresh(client, pair))

    assert sorted(response.status_code for response in responses) == [200, 401]
