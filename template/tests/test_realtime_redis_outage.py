"""What becomes of the rooms of two processes while Redis is away, and afterwards."""

import asyncio
from collections.abc import AsyncGenerator, Iterator
from uuid import UUID, uuid4

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine
from structlog.testing import capture_logs

from app.core.config import Settings
from app.realtime import redis_channel
from app.realtime.hub import Hub
from tests.conftest import settings_for
from tests.realtime import DEADLINE, join, next_event, read, say, texts
from tests.realtime_redis import hub_on, meet
from tests.redis_server import RedisServer, open_redis_server


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


async def test_without_redis_each_process_goes_on_and_afterwards_they_meet_again(
    pair: tuple[Hub, Hub], server: RedisServer, project_id: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redis_channel, "RETRY_SECONDS", 0.05)
    here, there = pair
    ada, grace = await join(here, project_id), await join(there, project_id)
    assert (await next_event(ada))["type"] == "presence.joined"

    server.kill()
    beside = await join(here, project_id)
    assert (await next_event(ada))["type"] == "presence.joined"
    say(here, project_id, "alone")
    assert texts(beside) == ["alone"]

    server.start_again()
    joined = await next_event(grace)
    while joined["type"] == "message":  # what was said alone may come late, or never
        joined = await next_event(grace)
    assert (joined["type"], joined["user_id"]) == ("presence.joined", str(beside.access.user_id))
    await meet(here, there, project_id)
    await meet(there, here, project_id)
    gone = [event["user_id"] for event in read(beside) if event["type"] == "presence.left"]
    assert str(grace.access.user_id) not in gone


async def test_a_redis_that_hangs_keeps_nobody_waiting(
    pair: tuple[Hub, Hub], server: RedisServer, project_id: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redis_channel, "RETRY_SECONDS", 0.05)
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


async def test_a_connection_that_says_nothing_is_given_up(
    engine: AsyncEngine,
    settings: Settings,
    server: RedisServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(redis_channel, "PING_SECONDS", 0.05)
    own = settings_for(settings.DATABASE_URL, REDIS_URL=server.url)
    with capture_logs() as log:
        async with hub_on(own, engine):
            await asyncio.sleep(0.3)
            assert log == []
            server.stop()
            async with asyncio.timeout(DEADLINE):
                events: list[str] = []
                while "rooms_separated" not in events:
                    await asyncio.sleep(0.02)
                    events = [entry["event"] for entry in log]
            server.resume()


async def test_many_who_come_while_redis_hangs_do_not_wait_for_each_other(
    pair: tuple[Hub, Hub], server: RedisServer, project_id: UUID
) -> None:
    here, _ = pair

    server.stop()
    async with asyncio.timeout(5):
        await asyncio.gather(*(join(here, project_id) for _ in range(10)))


async def test_rights_are_checked_again_when_redis_is_back(
    pair: tuple[Hub, Hub], server: RedisServer, project_id: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redis_channel, "RETRY_SECONDS", 0.05)
    here, there = pair
    ada = await join(here, project_id)

    server.kill()
    there.recheck(ada.access.credential_id)
    await asyncio.sleep(0)
    assert not ada.attention.is_set()
    server.start_again()

    async with asyncio.timeout(DEADLINE):
        await ada.attention.wait()


async def test_what_was_too_much_to_send_is_made_up_for(
    engine: AsyncEngine, settings: Settings, project_id: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with hub_on(settings, engine) as there:
        ada = await join(there, project_id)
        monkeypatch.setattr(redis_channel, "QUEUE_SIZE", 2)
        async with hub_on(settings, engine) as here:
            await meet(here, there, project_id)
            read(ada)
            ada.attention.clear()
            with capture_logs() as log:
                for number in range(5):
                    say(here, project_id, f"{number}")
                here.recheck(ada.access.credential_id)
                async with asyncio.timeout(DEADLINE):
                    await ada.attention.wait()

    assert [entry["event"] for entry in log] == ["messages_lost"]
    assert texts(ada) == ["0", "1"]
