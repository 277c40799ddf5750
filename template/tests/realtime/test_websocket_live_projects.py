"""What is changed over HTTP, as it appears in the room."""

from typing import Any

from app.core.roles import MemberRole
from tests.support.websocket_room import Room
from tests.support.websocket_visitor import Event, Visitor


async def patch(room: Room, **body: Any) -> Event:
    client = await room.client(room.owner)
    changed = await client.patch(room.path, json=body)
    assert changed.status_code == 200
    project: Event = changed.json()
    return project


async def told(visitor: Visitor, kind: str) -> Event:
    event = await visitor.expect(kind)
    assert set(event) == {"type", "project"}
    project: Event = event["project"]
    return project


async def test_a_change_is_told_once_to_everybody_as_http_answers_it(room: Room) -> None:
    async with room.enter(room.owner) as one, room.enter(await room.member()) as two:
        for number in range(3):
            answered = await patch(room, name=f"Apollo {number}")
            assert await told(one, "project.updated") == answered
            assert await told(two, "project.updated") == answered


async def test_archiving_and_restoring_are_told_as_such(room: Room) -> None:
    async with room.enter(room.owner) as visitor:
        answered = await patch(room, archived=True)
        assert await told(visitor, "project.archived") == answered
        assert answered["archived_at"]
        await patch(room, archived=True)  # is no change
        answered = await patch(room, archived=False)
        assert await told(visitor, "project.restored") == answered
        answered = await patch(room, description="At last.")
        assert await told(visitor, "project.updated") == answered


async def test_a_change_that_is_two_is_told_as_two(room: Room) -> None:
    async with room.enter(room.owner) as visitor:
        answered = await patch(room, name="Apollo", archived=True)
        events = [await visitor.event(), await visitor.event()]
        await patch(room, name="Gemini")
        assert (await told(visitor, "project.updated"))["name"] == "Gemini"

    assert sorted(event["type"] for event in events) == ["project.archived", "project.updated"]
    assert [event["project"] for event in events] == [answered, answered]


async def test_what_changes_nothing_is_not_told(room: Room) -> None:
    async with room.enter(room.owner) as visitor:
        await patch(room, name=room.project.name, description=room.project.description)
        await patch(room)
        await patch(room, name="Apollo")
        assert (await told(visitor, "project.updated"))["name"] == "Apollo"


async def test_a_failed_request_is_not_told(room: Room) -> None:
    owner = await room.client(room.owner)
    viewer = await room.client(await room.member(MemberRole.VIEWER))
    collection = room.path.rpartition("/")[0]
    duplicate = {"name": "Another", "slug": room.project.slug}
    async with room.enter(room.owner) as visitor:
        answers = [
            await owner.patch(room.path, json={"name": ""}),
            await owner.patch(room.path, json={"name": "Apollo", "archived": "perhaps"}),
            await viewer.patch(room.path, json={"name": "Apollo"}),
            await viewer.delete(room.path),
            await owner.post(collection, json=duplicate),
        ]
        await patch(room, name="Gemini")
        assert (await told(visitor, "project.updated"))["name"] == "Gemini"

    assert [answer.status_code for answer in answers] == [422, 422, 403, 403, 409]


async def test_of_other_projects_only_their_creation_is_told(room: Room) -> None:
    client = await room.client(room.owner)
    collection = room.path.rpartition("/")[0]
    async with room.enter(room.owner) as visitor:
        created = (await client.post(collection, json={"name": "Vostok"})).json()
        assert await told(visitor, "project.created") == created
        await client.patch(f"{collection}/{created['id']}", json={"name": "Voskhod"})
        await patch(room, name="Gemini")
        assert (await told(visitor, "project.updated"))["name"] == "Gemini"
