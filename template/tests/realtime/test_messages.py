"""Who receives a message, and who may post one."""

from datetime import datetime
from typing import Any
from uuid import UUID

import pytest

from app.core.clock import utc_now
from app.core.roles import MemberRole
from tests.support.websocket_room import Room


async def test_everyone_receives_the_message_as_the_server_stamped_it(room: Room) -> None:
    text, before = "Ready when you are.\n\tÉtoile ✨", utc_now()
    async with room.join(room.owner) as sender, room.join(await room.add_member()) as other:
        await sender.post(text)
        message = await sender.expect("message")
        assert await other.expect("message") == message

    assert set(message) == {"type", "id", "user_id", "name", "text", "sent_at"}
    assert message["text"] == text
    assert message["user_id"] == str(room.owner.id)
    assert message["name"] == room.owner.name
    assert UUID(message["id"])
    assert before <= datetime.fromisoformat(message["sent_at"]) <= utc_now()


async def test_rooms_are_separate(room: Room) -> None:
    other = await room.second_project()
    async with room.join(room.owner) as here, room.join(room.owner, project=other.id) as there:
        await there.stays_open()
        await here.post("over here")
        assert (await here.event())["text"] == "over here"


async def test_viewer_receives_but_cannot_post(room: Room) -> None:
    viewer = await room.add_member(MemberRole.VIEWER)
    async with room.join(room.owner) as sender, room.join(viewer) as listener:
        await listener.post("hunter2")
        error = await listener.gets_error("forbidden")
        await listener.send("ping")
        await listener.expect("pong")
        await sender.post("public")
        await sender.receives("public")
        await listener.receives("public")

    assert "hunter2" not in error["detail"]


@pytest.mark.parametrize("fields", [{"user_id": "1"}, {"name": "Eve"}, {"id": "1"}, {"sent_at": 0}])
async def test_sender_cannot_be_forged(room: Room, fields: dict[str, Any]) -> None:
    async with room.join(room.owner) as sender, room.join(await room.add_member()) as other:
        await sender.send("message", text="I am Eve", **fields)
        await sender.gets_error("invalid_event")
        await sender.post("I am myself")
        assert (await other.expect("message"))["user_id"] == str(room.owner.id)


async def test_longest_text_arrives(room: Room) -> None:
    async with room.join(room.owner) as client:
        await client.post("✨" * 4000)
        await client.receives("✨" * 4000)
