"""Two hubs during and after an outage of their Redis."""

import asyncio
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine
from structlog.testing import capture_logs

from app.core.config import Settings
from app.realtime import redis_channel
from app.realtime.redis import RedisPresence
from tests.conftest import settings_for
from tests.support.realtime import join, next_event, post, read, texts
from tests.support.realtime_redis import Pair, hub_on, reaches
from tests.support.realtime_redis import pair as pair
from tests.support.realtime_redis import pinging as pinging
from tests.support.realtime_redis import unhurried as unhurried
from tests.support.redis import connect
from tests.support.redis_server import RedisServer
from tests.support.redis_server import server as server
from tests.support.waiting import PAUSE, eventually, patience


@pytest.fixture
def redis_settings(settings: Settings, server: RedisServer) -> Settings:
    return settings_for(settings.DATABASE_URL, REDIS_URL=server.url)


def events(log: list[Any]) -> list[str]:
    return [entry["event"] for entry in log]


async def test_processes_work_alone_without_redis_and_sync_afterwards(
    pair: Pair, server: RedisServer, project_id: UUID
) -> None:
    here, there = pair
    ada, grace = await join(here, project_id), await join(there, project_id)
    assert (await next_event(ada))["type"] == "presence.joined"

    with capture_logs() as log:
        server.kill()
        bob = await join(here, project_id)
        assert (await next_event(ada))["type"] == "presence.joined"
        post(here, project_id, "alone")
        assert texts(bob) == ["alone"]
        await eventually(lambda: "realtime_messages_lost" in events(log))

    server.start_again()
    joined = await next_event(grace)
    while joined["type"] == "message":  # sent during the outage: may arrive late or never
        joined = await next_event(grace)
    assert (joined["type"], joined["user_id"]) == ("presence.joined", str(bob.access.user_id))
    await reaches(here, there, project_id)
    await reaches(there, here, project_id)
    gone = [event["user_id"] for event in read(bob) if event["type"] == "presence.left"]
    assert str(grace.access.user_id) not in gone


async def test_hung_redis_delays_one_join_and_nothing_else(
    pair: Pair, server: RedisServer, project_id: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, there = pair
    ada = await join(here, project_id)
    calls, exchange = 0, RedisPresence.exchange

    async def count(*arguments: Any) -> dict[UUID, str]:
        nonlocal calls
        calls += 1
        return await exchange(*arguments)

    monkeypatch.setattr(RedisPresence, "exchange", count)

    server.stop()
    for number in range(50):
        post(here, project_id, f"{number}")
    assert len(texts(ada)) == 50
    async with patience():
        await asyncio.gather(*(join(here, project_id) for _ in range(10)))
    assert calls == 1
    assert (await next_event(ada))["type"] == "presence.joined"

    server.resume()
    await reaches(here, there, project_id)


@pytest.mark.usefixtures("pair", "pinging")
async def test_connection_that_answers_pings_is_kept(server: RedisServer) -> None:
    async with connect(server.url) as redis:

        async def pings() -> int:
            statistics = await redis.info("commandstats")
            return int(statistics.get("cmdstat_ping", {"calls": 0})["calls"])

        with capture_logs() as log:
            before = await pings()

            async def many() -> bool:
                return await pings() >= before + 10

            await eventually(many)

    assert "realtime_disconnected" not in events(log)


@pytest.mark.usefixtures("pinging")
async def test_silent_connection_is_replaced(
    engine: AsyncEngine,
    redis_settings: Settings,
    server: RedisServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Fires early without harm: it is replaced before the server stops.
    monkeypatch.setattr(redis_channel, "PONG_SECONDS", PAUSE)
    with capture_logs() as log:
        async with hub_on(redis_settings, engine):
            server.stop()
            await eventually(lambda: "realtime_disconnected" in events(log))
            server.resume()


async def test_outage_ends_in_a_recheck(pair: Pair, server: RedisServer, project_id: UUID) -> None:
    here, there = pair
    ada = await join(here, project_id)

    with capture_logs() as log:
        server.kill()
        there.recheck(ada.access.credential_id)
        await eventually(lambda: events(log).count("realtime_disconnected") == 2)
    assert not ada.check_due.is_set()
    server.start_again()

    async with patience():
        await ada.check_due.wait()


@pytest.mark.usefixtures("unhurried")
async def test_full_queue_makes_the_other_process_sync(
    engine: AsyncEngine, settings: Settings, project_id: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with hub_on(settings, engine) as there:
        ada = await join(there, project_id)
        monkeypatch.setattr(redis_channel, "QUEUE_SIZE", 2)
        async with hub_on(settings, engine) as here:
            post(here, project_id, "first")
            assert (await next_event(ada))["text"] == "first"
            ada.check_due.clear()
            with capture_logs() as log:
                for number in range(5):
                    post(here, project_id, f"{number}")
                here.recheck(ada.access.credential_id)
                async with patience():
                    await ada.check_due.wait()

    assert events(log).count("realtime_messages_lost") == 1
    assert texts(ada) == ["0", "1"]
