"""What a hub does for its sockets, by whichever broker it passes messages on."""

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import replace
from uuid import UUID, uuid4

import pytest

from app.realtime.broker import Roster
from app.realtime.hub import Hub
from app.realtime.socket import QUEUE_SIZE
from tests.support.realtime import join, new_socket, read, say, texts
from tests.support.service import Service


@pytest.fixture
async def hub(service: Service) -> AsyncGenerator[Hub]:
    hub: Hub = service.app.state.hub
    yield hub
    for socket in [socket for room in hub.rooms.values() for socket in room.sockets]:
        await hub.leave(socket)


@pytest.fixture
def project_id() -> UUID:
    return uuid4()


async def test_everybody_in_the_room_hears_each_message_once_and_in_order(
    hub: Hub, project_id: UUID
) -> None:
    sockets = [await join(hub, project_id) for _ in range(3)]
    for socket in sockets:
        read(socket)

    for number in range(QUEUE_SIZE):
        say(hub, project_id, f"{number}")

    expected = [f"{number}" for number in range(QUEUE_SIZE)]
    assert [texts(socket) for socket in sockets] == [expected] * 3


async def test_another_room_hears_nothing(hub: Hub, project_id: UUID) -> None:
    socket = await join(hub, uuid4())

    say(hub, project_id, "in here")

    assert read(socket) == []


async def test_ready_comes_first_and_names_everybody_who_is_present(
    hub: Hub, project_id: UUID
) -> None:
    ada = await join(hub, project_id, name="Ada L.")
    grace = new_socket(project_id, name="Grace")

    await hub.join(grace)
    say(hub, project_id, "hello")

    ready, message = read(grace)
    assert [user["name"] for user in ready["present"]] == ["Ada L.", "Grace"]
    assert message["text"] == "hello"
    assert [event["type"] for event in read(ada)] == ["presence.joined", "message"]


async def test_a_user_comes_with_the_first_socket_and_goes_with_the_last(
    hub: Hub, project_id: UUID
) -> None:
    ada = await join(hub, project_id)
    grace = uuid4()

    first = await join(hub, project_id, grace)
    second = await join(hub, project_id, grace)
    await hub.leave(first)
    assert [event["type"] for event in read(ada)] == ["presence.joined"]

    await hub.leave(second)
    assert [event["type"] for event in read(ada)] == ["presence.left"]


async def test_who_comes_back_while_still_leaving_is_present(hub: Hub, project_id: UUID) -> None:
    ada, grace = await join(hub, project_id), uuid4()
    socket = await join(hub, project_id, grace)
    again = new_socket(project_id, grace)

    await asyncio.gather(hub.leave(socket), hub.join(again))

    newcomer = new_socket(project_id)
    await hub.join(newcomer)
    present = {user["user_id"] for user in read(newcomer)[0]["present"]}
    assert present == {str(each.access.user_id) for each in (ada, again, newcomer)}


async def test_whoever_stays_hears_everything_while_others_come_and_go(
    hub: Hub, project_id: UUID
) -> None:
    heard: list[str] = []
    stays = await join(hub, project_id)

    async def come_and_go() -> None:
        for _ in range(10):
            await hub.leave(await join(hub, project_id))

    async def talk() -> None:
        for number in range(200):
            say(hub, project_id, f"{number}")
            await asyncio.sleep(0)
            heard.extend(texts(stays))

    await asyncio.gather(talk(), *(come_and_go() for _ in range(10)))

    assert heard == [f"{number}" for number in range(200)]


async def test_a_room_is_forgotten_with_its_last_socket(hub: Hub, project_id: UUID) -> None:
    sockets = [await join(hub, project_id) for _ in range(5)]

    await asyncio.gather(*(hub.leave(socket) for socket in sockets))

    assert hub.rooms == {}


async def test_a_room_that_somebody_enters_while_the_others_leave_stays(
    hub: Hub, project_id: UUID
) -> None:
    leaving = [await join(hub, project_id) for _ in range(5)]
    newcomer = new_socket(project_id)

    await asyncio.gather(
        *(hub.leave(socket) for socket in leaving[:2]),
        hub.join(newcomer),
        *(hub.leave(socket) for socket in leaving[2:]),
    )
    say(hub, project_id, "still here")

    assert texts(newcomer) == ["still here"]


async def test_a_room_that_a_user_enters_again_while_two_sockets_leave_stays(
    hub: Hub, project_id: UUID
) -> None:
    user, opened = uuid4(), asyncio.Event()
    first, second = await join(hub, project_id, user), await join(hub, project_id, user)
    again = new_socket(project_id, user)

    async def ask(*_: object) -> Roster:
        """Keeps the door closed until all the others stand before it."""
        await opened.wait()
        return {}

    async def open_door() -> None:
        opened.set()

    await asyncio.gather(
        hub.catch_up(project_id, ask, reunited=True),
        hub.leave(first),
        hub.join(again),
        hub.leave(second),
        open_door(),
    )
    say(hub, project_id, "still here")

    assert texts(again) == ["still here"]


async def test_who_never_joined_can_leave(hub: Hub, project_id: UUID) -> None:
    ada = await join(hub, project_id)

    await hub.leave(new_socket(project_id))
    await hub.leave(new_socket(uuid4()))

    assert read(ada) == []


@pytest.mark.parametrize("row", ["user_id", "credential_id", "organization_id", "project_id"])
async def test_a_changed_row_calls_those_who_depend_on_it(
    hub: Hub, project_id: UUID, row: str
) -> None:
    one, other = await join(hub, project_id), await join(hub, uuid4())

    hub.recheck(getattr(one.access, row))

    assert one.attention.is_set()
    assert not other.attention.is_set()


async def test_a_change_between_the_check_and_the_door_is_noticed(
    hub: Hub, project_id: UUID
) -> None:
    checked_before = new_socket(project_id)
    version = hub.authorizer.version
    checked_before.access = replace(checked_before.access, version=version)
    hub.recheck(checked_before.access.user_id)

    await hub.join(checked_before)

    assert checked_before.attention.is_set()


async def test_one_that_does_not_read_is_left_behind_alone(hub: Hub, project_id: UUID) -> None:
    user = uuid4()
    slow, *others = [await join(hub, project_id, user) for _ in range(200)]
    heard: list[list[str]] = [[] for _ in others]

    for number in range(3 * QUEUE_SIZE):
        say(hub, project_id, f"{number}")
        for texts_heard, socket in zip(heard, others, strict=True):
            texts_heard.extend(texts(socket))

    assert heard == [[f"{number}" for number in range(3 * QUEUE_SIZE)]] * 199
    assert slow.queue.qsize() == QUEUE_SIZE
    assert slow.too_slow
    assert slow.attention.is_set()
    assert not any(socket.too_slow for socket in others)
