"""Two hubs on one Redis, as two processes have them, and what becomes of them without it."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from uuid import UUID, uuid4

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine
from structlog.testing import capture_logs

from app.core.config import Settings
from app.core.redis import open_redis
from app.db.changes import WatchedDatabase
from app.realtime import redis, redis_roster
from app.realtime.hub import Hub
from app.realtime.start import start_hub
from tests.conftest import settings_for
from tests.realtime import DEADLINE, claims_of, join, new_socket, next_event, read, say, texts
from tests.redis_server import RedisServer, open_redis_server

Open = Callable[[], Awaitable[Hub]]


@asynccontextmanager
async def hub_on(settings: Settings, engine: AsyncEngine) -> AsyncGenerator[Hub]:
    async with open_redis(settings) as shared:
        broker = redis.RedisBroker(shared.client, settings.JWT_ISSUER)
        hub = start_hub(settings, WatchedDatabase(engine), broker)
        async with broker.running(hub):
            yield hub


@pytest.fixture
async def open_hub(engine: AsyncEngine, settings: Settings) -> AsyncGenerator[Open]:
    """Opens one more hub on the Redis of all tests."""
    async with AsyncExitStack() as stack:
        yield lambda: stack.enter_async_context(hub_on(settings, engine))


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


async def meet(hub: Hub, other: Hub, project_id: UUID) -> None:
    """Until what is said in one is heard in the other."""
    listener = await join(other, project_id)
    async with asyncio.timeout(DEADLINE):
        while "meet" not in texts(listener):
            say(hub, project_id, "meet")
            await asyncio.sleep(0.02)
    await other.leave(listener)


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
    await there.join(newcomer, claims_of(newcomer).expires_at)
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

    here.recheck(socket.access.session_id)

    async with asyncio.timeout(DEADLINE):
        await socket.attention.wait()


async def test_the_users_of_a_process_that_died_vanish(
    engine: AsyncEngine,
    open_hub: Open,
    settings: Settings,
    project_id: UUID,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(redis_roster, "EXPIRY_SECONDS", 3)
    async with hub_on(settings, engine) as died:
        grace = await join(died, project_id)
    monkeypatch.setattr(redis, "CATCH_UP_SECONDS", 0.1)
    here = await open_hub()
    ada = new_socket(project_id)
    await here.join(ada, claims_of(ada).expires_at)
    assert len(read(ada)[0]["present"]) == 2

    left = await next_event(ada)

    assert (left["type"], left["user_id"]) == ("presence.left", str(grace.access.user_id))


async def test_the_users_of_a_process_that_lives_stay(
    open_hub: Open, project_id: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redis_roster, "EXPIRY_SECONDS", 1)
    monkeypatch.setattr(redis, "CATCH_UP_SECONDS", 0.1)
    here, there = await open_hub(), await open_hub()
    ada = await join(here, project_id)
    await join(there, project_id)
    assert (await next_event(ada))["type"] == "presence.joined"

    await asyncio.sleep(1.5)

    assert read(ada) == []


async def test_without_redis_each_process_goes_on_and_afterwards_they_meet_again(
    pair: tuple[Hub, Hub], server: RedisServer, project_id: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redis, "RETRY_SECONDS", 0.05)
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
    assert (joined["type"], joined["user_id"]) == ("presence.joined", str(beside.access.user_id))
    await meet(here, there, project_id)
    await meet(there, here, project_id)
    gone = [event["user_id"] for event in read(beside) if event["type"] == "presence.left"]
    assert str(grace.access.user_id) not in gone


async def test_a_redis_that_hangs_keeps_nobody_waiting(
    pair: tuple[Hub, Hub], server: RedisServer, project_id: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redis, "RETRY_SECONDS", 0.05)
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
    monkeypatch.setattr(redis, "PING_SECONDS", 0.05)
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


async def test_what_others_write_into_the_channel_does_no_harm(
    open_hub: Open, settings: Settings, project_id: UUID
) -> None:
    here, there = await open_hub(), await open_hub()
    async with open_redis(settings) as shared:
        database = shared.client.connection_pool.connection_kwargs.get("db", 0)
        for junk in ("", "x", "x event not-an-id {}", f"x joined {project_id} x"):
            await shared.client.publish(f"{settings.JWT_ISSUER}:{database}:rooms", junk)

    await meet(here, there, project_id)
