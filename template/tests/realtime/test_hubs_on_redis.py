"""Two hubs on one Redis, as two processes have them."""

import asyncio
import json
from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from app.core.config import Settings
from app.core.redis import open_redis
from app.realtime import redis
from tests.support.clock import later
from tests.support.realtime import join, next_event, post, present_to_newcomer, read
from tests.support.realtime_redis import Pair, hub_on, reaches
from tests.support.realtime_redis import pair as pair
from tests.support.realtime_redis import pinging as pinging
from tests.support.realtime_redis import unhurried as unhurried
from tests.support.waiting import PAUSE, eventually, patience


@pytest.fixture
def redis_settings(settings: Settings) -> Settings:
    return settings


@pytest.fixture
def syncing(unhurried: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let hubs sync presence all the time."""
    # Fires early without harm: the same news is never sent twice.
    monkeypatch.setattr(redis, "SYNC_SECONDS", PAUSE)


async def test_message_reaches_each_process_once_and_in_order(pair: Pair, project_id: UUID) -> None:
    here, there = pair
    ada, grace = await join(here, project_id), await join(there, project_id)
    assert (await next_event(ada))["type"] == "presence.joined"

    expected = [f"{number}" for number in range(50)]
    for text in expected:
        post(here, project_id, text)

    assert [(await next_event(grace))["text"] for _ in expected] == expected
    post(there, project_id, "last")
    assert [(await next_event(ada))["text"] for _ in range(51)] == [*expected, "last"]


async def test_presence_counts_users_across_processes(pair: Pair, project_id: UUID) -> None:
    here, there = pair
    ada, user = await join(here, project_id, name="Ada L."), uuid4()

    first = await join(here, project_id, user_id=user)
    second = await join(there, project_id, user_id=user)
    await here.leave(first)
    post(there, project_id, "still here")
    events = [await next_event(ada), await next_event(ada)]
    assert [event["type"] for event in events] == ["presence.joined", "message"]

    present = await present_to_newcomer(there, project_id, user_id=user)
    assert present[str(ada.access.user_id)] == "Ada L."

    await there.leave(second)
    left = await next_event(ada)
    assert left == {"type": "presence.left", "user_id": str(user), "name": "Ada", "at": left["at"]}


async def test_recheck_reaches_every_process(pair: Pair, project_id: UUID) -> None:
    here, there = pair
    subscriber = await join(there, project_id)

    here.recheck(subscriber.access.credential_id)

    async with patience():
        await subscriber.check_due.wait()


@pytest.mark.usefixtures("syncing")
async def test_users_of_a_dead_process_leave(
    engine: AsyncEngine,
    pair: Pair,
    settings: Settings,
    project_id: UUID,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Fires early without harm: only a member who has joined can leave.
    monkeypatch.setattr(redis, "EXPIRY_SECONDS", 1)
    ada = await join(pair[0], project_id)
    async with hub_on(settings, engine) as died:
        grace = await join(died, project_id)

    for kind in ("presence.joined", "presence.left"):
        event = await next_event(ada)
        assert (event["type"], event["user_id"]) == (kind, str(grace.access.user_id))


@pytest.mark.usefixtures("syncing")
async def test_user_of_live_process_stays(pair: Pair, settings: Settings, project_id: UUID) -> None:
    here, there = pair
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

            async def all_extended(before: float = before) -> bool:
                return min(await valid_until()) > before

            await eventually(all_extended)

    assert read(ada) == []


async def test_process_whose_clock_is_ahead_removes_no_user(pair: Pair, project_id: UUID) -> None:
    here, ahead = pair
    ada = await join(here, project_id)
    await reaches(here, ahead, project_id)

    with later(3600):
        present = await present_to_newcomer(ahead, project_id)

    assert str(ada.access.user_id) in present


async def test_bad_messages_are_logged_and_dropped(
    pair: Pair, settings: Settings, project_id: UUID, read_log: Callable[[], str]
) -> None:
    messages: list[dict[str, Any]] = [
        {"type": "unknown"},
        {"type": "recheck", "row_id": "hunter2"},
        {"type": "user_joined", "project_id": str(project_id)},
        {"type": "room_broadcast", "project_id": str(project_id), "event": {"type": "message"}},
    ]
    process = str(uuid4())
    envelopes = [json.dumps({"process": process, "message": message}) for message in messages]
    junk: list[str | bytes] = ["", "x", "[]", b"\xff", *envelopes]
    async with open_redis(settings) as shared:
        database = shared.client.connection_pool.connection_kwargs.get("db", 0)
        for data in junk:
            await shared.client.publish(f"{settings.JWT_ISSUER}:{database}:rooms", data)

    await reaches(*pair, project_id)

    log = read_log()
    assert log.count("realtime_message_invalid") >= len(junk)
    assert "hunter2" not in log


async def test_bad_presence_is_ignored(pair: Pair, settings: Settings, project_id: UUID) -> None:
    async with open_redis(settings) as shared:
        junk = dict.fromkeys(("", "x", "{}", '{"process": "x", "user_id": 1, "name": "Ada"}'), 9e9)
        await shared.client.zadd(f"{settings.JWT_ISSUER}:room:{project_id}", junk)

    ada, bob = await join(pair[0], project_id), uuid4()
    present = await present_to_newcomer(pair[1], project_id, user_id=bob)

    assert present.keys() == {str(ada.access.user_id), str(bob)}


@pytest.mark.usefixtures("syncing", "pinging")
async def test_bug_does_not_end_the_sync(
    pair: Pair, project_id: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    attempts = asyncio.Semaphore(0)

    async def fail(*_: object, **__: object) -> None:
        attempts.release()
        raise LookupError("a defect")

    monkeypatch.setattr(pair[0], "sync", fail)
    await join(pair[0], project_id)

    async with patience():
        for _ in range(2):
            await attempts.acquire()
