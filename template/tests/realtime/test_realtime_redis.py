"""Two hubs on one Redis, as two processes have them."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from app.core.config import Settings
from app.core.redis import open_redis
from app.realtime import redis, redis_channel, redis_roster
from app.realtime.hub import Hub
from tests.support.logins import later
from tests.support.realtime import join, new_socket, next_event, read, say
from tests.support.realtime_redis import hub_on, meet
from tests.support.realtime_redis import unhurried as unhurried
from tests.support.waiting import PAUSE, eventually, patience

Open = Callable[[], Awaitable[Hub]]

pytestmark = pytest.mark.usefixtures("unhurried")


@pytest.fixture
async def open_hub(engine: AsyncEngine, settings: Settings) -> AsyncGenerator[Open]:
    """Opens one more hub on the Redis of all tests."""
    async with AsyncExitStack() as stack:
        yield lambda: stack.enter_async_context(hub_on(settings, engine))


@pytest.fixture
def catching_up(unhurried: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let hubs compare their rosters all the time."""
    # Fires early without harm: the same news is never sent twice.
    monkeypatch.setattr(redis, "CATCH_UP_SECONDS", PAUSE)


@pytest.fixture
def project_id() -> UUID:
    return uuid4()


async def test_a_message_reaches_each_process_once_and_in_order(
    open_hub: Open, project_id: UUID
) -> None:
    here, there = await open_hub(), await open_hub()
    ada, grace = await join(here, project_id), await join(there, project_id)
    assert (await next_event(ada))["type"] == "presence.joined"

    for number in range(50):
        say(here, project_id, f"{number}")

    expected = [f"{number}" for number in range(50)]
    assert [(await next_event(grace))["text"] for _ in expected] == expected
    say(there, project_id, "last")
    assert [(await next_event(ada))["text"] for _ in range(51)] == [*expected, "last"]


async def test_a_user_comes_and_goes_once_though_in_two_processes(
    open_hub: Open, project_id: UUID
) -> None:
    here, there = await open_hub(), await open_hub()
    ada, user = await join(here, project_id, name="Ada L."), uuid4()

    first = await join(here, project_id, user)
    second = await join(there, project_id, user)
    await here.leave(first)
    say(there, project_id, "still here")
    events = [await next_event(ada), await next_event(ada)]
    assert [event["type"] for event in events] == ["presence.joined", "message"]

    newcomer = new_socket(project_id)
    await there.join(newcomer)
    present = read(newcomer)[0]["present"]
    assert {"user_id": str(ada.access.user_id), "name": "Ada L."} in present
    assert (await next_event(ada))["type"] == "presence.joined"

    await there.leave(second)
    assert await next_event(ada) | {"at": ""} == {
        "type": "presence.left",
        "user_id": str(user),
        "name": second.access.name,
        "at": "",
    }


async def test_a_recheck_reaches_every_process(open_hub: Open, project_id: UUID) -> None:
    here, there = await open_hub(), await open_hub()
    socket = await join(there, project_id)

    here.recheck(socket.access.credential_id)

    async with patience():
        await socket.attention.wait()


@pytest.mark.usefixtures("catching_up")
async def test_the_users_of_a_process_that_died_vanish(
    engine: AsyncEngine,
    open_hub: Open,
    settings: Settings,
    project_id: UUID,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Fires early without harm: only a member who has joined can leave.
    monkeypatch.setattr(redis_roster, "EXPIRY_SECONDS", 1)
    ada = await join(await open_hub(), project_id)
    async with hub_on(settings, engine) as died:
        grace = await join(died, project_id)

    events = [await next_event(ada), await next_event(ada)]

    assert [(event["type"], event["user_id"]) for event in events] == [
        ("presence.joined", str(grace.access.user_id)),
        ("presence.left", str(grace.access.user_id)),
    ]


@pytest.mark.usefixtures("catching_up")
async def test_the_users_of_a_process_that_lives_stay(
    open_hub: Open, settings: Settings, project_id: UUID
) -> None:
    here, there = await open_hub(), await open_hub()
    ada = await join(here, project_id)
    await join(there, project_id)
    assert (await next_event(ada))["type"] == "presence.joined"

    async with open_redis(settings) as shared:

        async def valid_until() -> list[float]:
            key = f"{settings.JWT_ISSUER}:room:{project_id}"
            entries: Any = await shared.client.zrange(key, 0, -1, withscores=True)
            return [score for _, score in entries]

        for _ in range(3):
            before = max(await valid_until())

            async def all_later(before: float = before) -> bool:
                return min(await valid_until()) > before

            await eventually(all_later)

    assert read(ada) == []


async def test_a_process_whose_clock_is_ahead_sends_nobody_away(
    open_hub: Open, project_id: UUID
) -> None:
    here, ahead = await open_hub(), await open_hub()
    ada, grace = await join(here, project_id), new_socket(project_id)
    await meet(here, ahead, project_id)

    with later(3600):
        await ahead.join(grace)

    present = {user["user_id"] for user in read(grace)[0]["present"]}
    assert str(ada.access.user_id) in present


async def test_what_others_write_into_the_channel_does_no_harm(
    open_hub: Open, settings: Settings, project_id: UUID
) -> None:
    here, there = await open_hub(), await open_hub()
    async with open_redis(settings) as shared:
        database = shared.client.connection_pool.connection_kwargs.get("db", 0)
        for junk in ("", "x", "x event not-an-id {}", f"x joined {project_id} x", b"\xff"):
            await shared.client.publish(f"{settings.JWT_ISSUER}:{database}:rooms", junk)

    await meet(here, there, project_id)


async def test_what_others_write_into_the_roster_does_no_harm(
    open_hub: Open, settings: Settings, project_id: UUID
) -> None:
    here, there = await open_hub(), await open_hub()
    async with open_redis(settings) as shared:
        junk = dict.fromkeys(("", "x", "x not-an-id Ada"), 9e9)
        await shared.client.zadd(f"{settings.JWT_ISSUER}:room:{project_id}", junk)

    ada, grace = await join(here, project_id), new_socket(project_id)
    await there.join(grace)

    present = {user["user_id"] for user in read(grace)[0]["present"]}
    assert present == {str(ada.access.user_id), str(grace.access.user_id)}


@pytest.mark.usefixtures("catching_up")
async def test_a_defect_does_not_end_the_catching_up(
    open_hub: Open, project_id: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Fires early without harm: a ping is answered however late.
    monkeypatch.setattr(redis_channel, "PING_SECONDS", PAUSE)
    here, attempts = await open_hub(), asyncio.Semaphore(0)

    async def fail(*_: object, **__: object) -> None:
        attempts.release()
        raise LookupError("a defect")

    monkeypatch.setattr(here, "catch_up", fail)
    await join(here, project_id)

    async with patience():
        for _ in range(2):
            await attempts.acquire()
