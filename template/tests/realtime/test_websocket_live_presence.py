"""Who is in the room, as the others see it."""

from datetime import datetime

from app.core.clock import utc_now
from app.models import User
from tests.conftest import settings_for
from tests.support.factories import make_project
from tests.support.realtime import join, next_event
from tests.support.websocket_room import Room
from tests.support.websocket_server import hub_of, open_room
from tests.support.websocket_visitor import Event


def names(user: User) -> Event:
    return {"user_id": str(user.id), "name": user.name}


async def test_those_inside_see_who_comes_and_who_goes(room: Room) -> None:
    ada, bob, before = room.owner, await room.member(), utc_now()
    async with room.enter(ada) as inside:
        async with room.enter(bob) as newcomer:
            joined = await inside.event()
            assert names(ada) in newcomer.ready["present"]
        left = await inside.event()
        async with room.enter(ada) as again:
            assert names(bob) not in again.ready["present"]

    for event, kind in ((joined, "presence.joined"), (left, "presence.left")):
        assert event == {"type": kind, "at": event["at"]} | names(bob)
        assert before <= datetime.fromisoformat(event["at"]) <= utc_now()


async def test_nobody_is_present_twice(room: Room) -> None:
    bob = await room.member()
    async with room.enter(room.owner), room.enter(room.owner) as second, room.enter(bob) as other:
        for visitor in (second, other):
            present = [each["user_id"] for each in visitor.ready["present"]]
            assert len(present) == len(set(present))


async def test_two_sockets_of_a_user_come_once_and_go_once(room: Room) -> None:
    bob = await room.member()
    async with room.enter(room.owner) as inside:
        async with room.enter(bob) as first:
            assert (await inside.event())["type"] == "presence.joined"
            async with room.enter(bob) as second:
                await second.say("two of me")
                assert (await inside.event())["type"] == "message"
            await first.say("one of me")
            await first.hears("two of me")
            await first.hears("one of me")
            assert (await inside.event())["type"] == "message"
        assert (await inside.event())["type"] == "presence.left"
        await inside.say("alone")
        assert (await inside.event())["type"] == "message"


async def test_who_vanishes_without_a_word_has_left(room: Room) -> None:
    bob = await room.member()
    async with room.enter(room.owner) as inside, room.enter(bob) as other:
        assert (await inside.event())["type"] == "presence.joined"
        other.vanish()
        left = await inside.event()

    assert left["type"] == "presence.left"
    assert left["user_id"] == str(bob.id)


async def test_who_no_longer_answers_has_left(own_url: str) -> None:
    # Fires early without harm: the client that does not answer in time has left.
    async with open_room(settings_for(own_url), ping_seconds=1) as room:
        hub, bob = hub_of(room), await room.member()
        inside = await join(hub, room.project.id)  # without a connection that is pinged, too
        async with room.enter(bob) as other:
            assert (await next_event(inside))["type"] == "presence.joined"
            other.connection.transport.pause_reading()
            assert (await next_event(inside))["type"] == "presence.left"
            other.vanish()
        await hub.leave(inside)


async def test_presence_is_told_apart_by_room(room: Room) -> None:
    async with room.service.database.write() as session:
        other = await make_project(session, room.organization)
    async with room.enter(room.owner) as inside, room.enter(await room.member(), project=other.id):
        await inside.say("nobody came")
        assert (await inside.event())["type"] == "message"
