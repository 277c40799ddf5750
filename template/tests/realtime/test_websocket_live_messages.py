"""What members say to each other, who hears it, and who may say it."""

from datetime import datetime
from typing import Any
from uuid import UUID

import pytest

from app.core.clock import utc_now
from app.core.roles import MemberRole
from tests.conftest import settings_for
from tests.support.factories import make_project
from tests.support.websocket_room import Room
from tests.support.websocket_server import hub_of, open_room


async def test_everybody_hears_a_message_with_the_stamp_of_the_server(room: Room) -> None:
    ada, bob, before = room.owner, await room.member(), utc_now()
    async with room.enter(ada) as hers, room.enter(bob) as his:
        await hers.say("Ready when you are.\n\tÉtoile ✨")
        heard = [await hers.expect("message"), await his.expect("message")]

    message = heard[0]
    assert heard[1] == message
    assert set(message) == {"type", "id", "user_id", "name", "text", "sent_at"}
    assert message["text"] == "Ready when you are.\n\tÉtoile ✨"
    assert message["user_id"] == str(ada.id)
    assert message["name"] == ada.name
    assert UUID(message["id"])
    assert before <= datetime.fromisoformat(message["sent_at"]) <= utc_now()


async def test_messages_keep_their_order(own_url: str) -> None:
    texts = [str(number) for number in range(200)]
    async with open_room(settings_for(own_url)) as room:
        hub_of(room).message_limit = "1000/second"
        member = await room.member()
        async with room.enter(room.owner) as sender, room.enter(member) as listener:
            for start in range(0, 200, 20):  # fewer than a queue holds
                for text in texts[start : start + 20]:
                    await sender.say(text)
                for text in texts[start : start + 20]:
                    await listener.hears(text)
                    await sender.hears(text)


async def test_a_room_hears_nothing_of_another(room: Room) -> None:
    async with room.service.database.write() as session:
        other = await make_project(session, room.organization)
    async with room.enter(room.owner) as here, room.enter(room.owner, project=other.id) as there:
        await there.say("over there")
        await there.hears("over there")
        await here.say("over here")
        await here.hears("over here")


async def test_a_ping_is_answered_to_who_asks(room: Room) -> None:
    async with room.enter(room.owner) as asking, room.enter(await room.member()) as other:
        await asking.send("ping")
        assert await asking.expect("pong") == {"type": "pong"}
        await asking.say("now")
        await other.hears("now")


async def test_a_viewer_hears_and_does_not_speak(room: Room) -> None:
    viewer = await room.member(MemberRole.VIEWER)
    async with room.enter(room.owner) as speaker, room.enter(viewer) as listener:
        await listener.say("hunter2")
        error = await listener.refused("forbidden")
        await listener.send("ping")
        await listener.expect("pong")
        await speaker.say("heard")
        await speaker.hears("heard")
        await listener.hears("heard")

    assert "hunter2" not in error["detail"]


@pytest.mark.parametrize("fields", [{"user_id": "1"}, {"name": "Eve"}, {"id": "1"}, {"sent_at": 0}])
async def test_nobody_speaks_as_somebody_else(room: Room, fields: dict[str, Any]) -> None:
    async with room.enter(room.owner) as sender, room.enter(await room.member()) as other:
        await sender.send("message", text="I am Eve", **fields)
        await sender.refused("invalid_event")
        await sender.say("I am myself")
        assert (await other.expect("message"))["user_id"] == str(room.owner.id)


async def test_the_longest_text_there_may_be_arrives(room: Room) -> None:
    async with room.enter(room.owner) as visitor:
        await visitor.say("✨" * 4000)
        await visitor.hears("✨" * 4000)
