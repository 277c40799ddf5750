"""What becomes of the rooms of two processes while Redis is away, and afterwards."""

import asyncio
from collections.abc import AsyncGenerator, Iterator
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine
from structlog.testing import capture_logs

from app.core.config import Settings
from app.realtime import redis_channel
from app.realtime.hub import Hub
from app.realtime.redis_roster import RedisRoster
from tests.conftest import settings_for
from tests.support.realtime import join, next_event, read, say, texts
from tests.support.realtime_redis import hub_on, meet
from tests.support.realtime_redis import unhurried as unhurried
from tests.support.redis import connect
from tests.support.redis_server import RedisServer, open_redis_server
from tests.support.waiting import PAUSE, eventually, patience

pytestmark = pytest.mark.usefixtures("unhurried")


@pytest.fixture
def pinging(unhurried: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let hubs ping Redis after every short silence."""
    # Fires early without harm: a ping is answered however late.
    monkeypatch.setattr(redis_channel, "PING_SECONDS", PAUSE)


@pytest.fixture
def server() -> Iterator[RedisServer]:
    with open_redis_server() as server:
        yield server


@pytest.fixture
async def pair(
    engine: AsyncEngine, settings: Settings, server: RedisServer
) -> AsyncGenerator[tuple[Hub, Hub]]:
    """On a Redis of their own."""
    own = settings_for(settings.DATABASE_URL, REDIS_URL=server.url)
    async with hub_on(own, engine) as here, hub_on(own, engine) as there:
        yield here, there


@pytest.fixture
def project_id() -> UUID:
    return uuid4()


def events(log: list[Any]) -> list[str]:
    return [entry["event"] for entry in log]


async def test_without_redis_each_process_goes_on_and_afterwards_they_meet_again(
    pair: tuple[Hub, Hub], server: RedisServer, project_id: UUID
) -> None:
    here, there = pair
    ada, grace = await join(here, project_id), await join(there, project_id)
    assert (await next_event(ada))["type"] == "presence.joined"

    with capture_logs() as log:
        server.kill()
        beside = await join(here, project_id)
        assert (await next_event(ada))["type"] == "presence.joined"
        say(here, project_id, "alone")
        assert texts(beside) == ["alone"]
        await eventually(lambda: "messages_lost" in events(log))

    server.start_again()
    joined = await next_event(grace)
    while joined["type"] == "message":  # what was said alone may come late, or never
        joined = await next_event(grace)
    assert (joined["type"], joined["user_id"]) == ("presence.joined", str(beside.access.user_id))
    await meet(here, there, project_id)
    await meet(there, here, project_id)
    gone = [event["user_id"] for event in read(beside) if event["type"] == "presence.left"]
    assert str(grace.access.user_id) not in gone


@pytest.mark.usefixtures("pinging")
async def test_a_redis_that_hangs_keeps_nobody_waiting(
    pair: tuple[Hub, Hub], server: RedisServer, project_id: UUID
) -> None:
    here, there = pair
    ada = await join(here, project_id)

    server.stop()
    for number in range(50):
        say(here, project_id, f"{number}")
    assert len(texts(ada)) == 50
    await join(here, project_id)
    assert (await next_event(ada))["type"] == "presence.joined"

    server.resume()
    await meet(here, there, project_id)


@pytest.mark.usefixtures("pinging")
async def test_a_connection_that_answers_pings_is_kept(
    pair: tuple[Hub, Hub], server: RedisServer
) -> None:
    async with connect(server.url) as redis:

        async def pings() -> int:
            statistics = await redis.info("commandstats")
            return int(statistics.get("cmdstat_ping", {"calls": 0})["calls"])

        with capture_logs() as log:
            before = await pings()

            async def many() -> bool:
                return await pings() >= before + 10

            await eventually(many)

    assert "rooms_separated" not in events(log)


@pytest.mark.usefixtures("pinging")
async def test_a_connection_that_says_nothing_is_given_up(
    engine: AsyncEngine,
    settings: Settings,
    server: RedisServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Fires early without harm: it is given up before the server stops.
    monkeypatch.setattr(redis_channel, "PONG_SECONDS", PAUSE)
    own = settings_for(settings.DATABASE_URL, REDIS_URL=server.url)
    with capture_logs() as log:
        async with hub_on(own, engine):
            server.stop()
            await eventually(lambda: "rooms_separated" in events(log))
            server.resume()


async def test_many_who_come_while_redis_hangs_do_not_wait_for_each_other(
    pair: tuple[Hub, Hub], server: RedisServer, project_id: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, _ = pair
    asked, add = 0, RedisRoster.add

    async def count(*arguments: Any) -> dict[UUID, str]:
        nonlocal asked
        asked += 1
        return await add(*arguments)

    monkeypatch.setattr(RedisRoster, "add", count)

    server.stop()
    async with patience():
        await asyncio.gather(*(join(here, project_id) for _ in range(10)))

    assert asked == 1


async def test_rights_are_checked_again_when_redis_is_back(
    pair: tuple[Hub, Hub], server: RedisServer, project_id: UUID
) -> None:
    here, there = pair
    ada = await join(here, project_id)

    with capture_logs() as log:
        server.kill()
        there.recheck(ada.access.credential_id)
        await eventually(lambda: events(log).count("rooms_separated") == 2)
    assert not ada.attention.is_set()
    server.start_again()

    async with patience():
        await ada.attention.wait()


async def test_what_was_too_much_to_send_is_made_up_for(
    engine: AsyncEngine, settings: Settings, project_id: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with hub_on(settings, engine) as there:
        ada = await join(there, project_id)
        monkeypatch.setattr(redis_channel, "QUEUE_SIZE", 2)
        async with hub_on(settings, engine) as here:
            say(here, project_id, "first")
            assert (await next_event(ada))["text"] == "first"
            ada.attention.clear()
            with capture_logs() as log:
                for number in range(5):
                    say(here, project_id, f"{number}")
                here.recheck(ada.access.credential_id)
                async with patience():
                    await ada.attention.wait()

    assert events(log).count("messages_lost") == 1
    assert texts(ada) == ["0", "1"]
