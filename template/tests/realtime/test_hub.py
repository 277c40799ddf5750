"""What a hub does for its subscribers, with any broker."""

import asyncio
from dataclasses import replace
from uuid import UUID, uuid4

import pytest

from app.realtime.broker import Presence
from app.realtime.hub import Hub
from app.realtime.room import QUEUE_SIZE
from tests.support.realtime import (
    join,
    new_subscriber,
    post,
    present_to_newcomer,
    read,
    texts,
    types,
)


async def test_message_reaches_everyone_once_and_in_order(hub: Hub, project_id: UUID) -> None:
    subscribers = [await join(hub, project_id) for _ in range(3)]
    for subscriber in subscribers:
        read(subscriber)

    expected = [f"{number}" for number in range(QUEUE_SIZE)]
    for text in expected:
        post(hub, project_id, text)

    assert [texts(subscriber) for subscriber in subscribers] == [expected] * 3


async def test_other_rooms_receive_nothing(hub: Hub, project_id: UUID) -> None:
    subscriber = await join(hub, uuid4())

    await join(hub, project_id)
    post(hub, project_id, "in here")

    assert read(subscriber) == []


async def test_ready_comes_first_and_names_everyone_present(hub: Hub, project_id: UUID) -> None:
    ada = await join(hub, project_id, name="Ada L.")
    grace = new_subscriber(project_id, name="Grace")

    await hub.join(grace)
    post(hub, project_id, "hello")

    ready, message = read(grace)
    assert [user["name"] for user in ready["present"]] == ["Ada L.", "Grace"]
    assert message["text"] == "hello"
    assert types(ada) == ["presence.joined", "message"]


async def test_presence_counts_users_not_connections(hub: Hub, project_id: UUID) -> None:
    ada, grace = await join(hub, project_id), uuid4()

    first = await join(hub, project_id, user_id=grace)
    second = await join(hub, project_id, user_id=grace)
    assert len(await present_to_newcomer(hub, project_id, user_id=grace)) == 2
    await hub.leave(first)
    assert types(ada) == ["presence.joined"]

    await hub.leave(second)
    assert types(ada) == ["presence.left"]


async def test_user_who_rejoins_while_leaving_is_present(hub: Hub, project_id: UUID) -> None:
    ada, grace = await join(hub, project_id), uuid4()
    first = await join(hub, project_id, user_id=grace)

    await asyncio.gather(hub.leave(first), hub.join(new_subscriber(project_id, user_id=grace)))

    present = await present_to_newcomer(hub, project_id, user_id=ada.access.user_id)
    assert present.keys() == {str(ada.access.user_id), str(grace)}


async def test_joins_and_leaves_of_others_lose_no_message(hub: Hub, project_id: UUID) -> None:
    received: list[str] = []
    stays = await join(hub, project_id)

    async def join_and_leave() -> None:
        for _ in range(10):
            await hub.leave(await join(hub, project_id))

    async def talk() -> None:
        for number in range(200):
            post(hub, project_id, f"{number}")
            await asyncio.sleep(0)
            received.extend(texts(stays))

    await asyncio.gather(talk(), *(join_and_leave() for _ in range(10)))

    assert received == [f"{number}" for number in range(200)]


async def test_room_is_deleted_with_its_last_subscriber(hub: Hub, project_id: UUID) -> None:
    subscribers = [await join(hub, project_id) for _ in range(5)]

    await asyncio.gather(*(hub.leave(subscriber) for subscriber in subscribers))

    assert hub.rooms == {}


async def test_join_during_leaves_keeps_the_room(hub: Hub, project_id: UUID) -> None:
    leaving = [await join(hub, project_id) for _ in range(5)]
    newcomer = new_subscriber(project_id)

    await asyncio.gather(
        *(hub.leave(subscriber) for subscriber in leaving[:2]),
        hub.join(newcomer),
        *(hub.leave(subscriber) for subscriber in leaving[2:]),
    )
    post(hub, project_id, "still here")

    assert texts(newcomer) == ["still here"]


async def test_rejoin_between_two_leaves_keeps_the_room(hub: Hub, project_id: UUID) -> None:
    user, released = uuid4(), asyncio.Event()
    first, second = [await join(hub, project_id, user_id=user) for _ in range(2)]
    again = new_subscriber(project_id, user_id=user)

    async def exchange(*_: object) -> Presence:
        """Hold the hub's lock until all the others wait for it."""
        await released.wait()
        return {}

    async def release() -> None:
        released.set()

    await asyncio.gather(
        hub.sync(project_id, exchange, reconnected=True),
        hub.leave(first),
        hub.join(again),
        hub.leave(second),
        release(),
    )
    post(hub, project_id, "still here")

    assert texts(again) == ["still here"]


async def test_leaving_without_having_joined_is_harmless(hub: Hub, project_id: UUID) -> None:
    ada = await join(hub, project_id)

    await hub.leave(new_subscriber(project_id))
    await hub.leave(new_subscriber(uuid4()))

    assert read(ada) == []


@pytest.mark.parametrize("row", ["user_id", "credential_id", "organization_id", "project_id"])
async def test_recheck_concerns_dependents_of_the_row(hub: Hub, project_id: UUID, row: str) -> None:
    one, other = await join(hub, project_id), await join(hub, uuid4())

    hub.recheck(getattr(one.access, row))

    assert one.check_due.is_set()
    assert not other.check_due.is_set()


async def test_change_between_check_and_join_is_noticed(hub: Hub, project_id: UUID) -> None:
    subscriber = new_subscriber(project_id)
    subscriber.access = replace(subscriber.access, version=hub.authorizer.version)
    hub.recheck(subscriber.access.user_id)

    await hub.join(subscriber)

    assert subscriber.check_due.is_set()


async def test_slow_subscriber_affects_no_other(hub: Hub, project_id: UUID) -> None:
    user = uuid4()
    slow, *others = [await join(hub, project_id, user_id=user) for _ in range(200)]
    received: list[list[str]] = [[] for _ in others]

    expected = [f"{number}" for number in range(3 * QUEUE_SIZE)]
    for text in expected:
        post(hub, project_id, text)
        for texts_received, subscriber in zip(received, others, strict=True):
            texts_received.extend(texts(subscriber))

    assert received == [expected] * 199
    assert slow.queue.qsize() == QUEUE_SIZE
    assert slow.too_slow
    assert slow.check_due.is_set()
    assert not any(subscriber.too_slow for subscriber in others)
