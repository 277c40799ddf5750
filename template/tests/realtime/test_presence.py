"""Presence, as other members see it."""

from datetime import datetime

from app.core.clock import utc_now
from tests.conftest import settings_for
from tests.support.realtime import join, next_event
from tests.support.websocket_room import Room
from tests.support.websocket_server import hub_of, open_room


async def test_members_see_who_joins_and_who_leaves(room: Room) -> None:
    ada, bob, before = room.owner, await room.add_member(), utc_now()
    names = {user: {"user_id": str(user.id), "name": user.name} for user in (ada, bob)}
    async with room.join(ada) as client:
        async with room.join(bob) as newcomer:
            joined = await client.event()
            assert names[ada] in newcomer.ready["present"]
        left = await client.event()
        async with room.join(ada) as again:
            assert names[bob] not in again.ready["present"]

    for event, kind in ((joined, "presence.joined"), (left, "presence.left")):
        assert event == {"type": kind, "at": event["at"]} | names[bob]
        assert before <= datetime.fromisoformat(event["at"]) <= utc_now()


async def test_aborted_connection_leaves(room: Room) -> None:
    bob = await room.add_member()
    async with room.join(room.owner) as client, room.join(bob) as other:
        assert (await client.event())["type"] == "presence.joined"
        other.abort()
        left = await client.event()

    assert (left["type"], left["user_id"]) == ("presence.left", str(bob.id))


async def test_client_that_answers_no_ping_leaves(own_url: str) -> None:
    # Fires early without harm: the client that does not answer in time leaves.
    async with open_room(settings_for(own_url), ping_seconds=1) as room:
        hub, bob = hub_of(room.service), await room.add_member()
        inside = await join(hub, room.project.id)  # without a connection that is pinged, too
        async with room.join(bob) as other:
            assert (await next_event(inside))["type"] == "presence.joined"
            other.connection.transport.pause_reading()
            assert (await next_event(inside))["type"] == "presence.left"
            other.abort()
        await hub.leave(inside)
