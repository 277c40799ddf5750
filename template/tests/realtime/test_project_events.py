"""Changes over HTTP, as they appear in the room."""

from typing import Any

from app.core.roles import MemberRole
from tests.support.websocket_room import Event, Room, RoomClient


async def patch(room: Room, **body: Any) -> Event:
    project: Event = (await room.call(room.owner, "PATCH", room.path, **body)).json()
    return project


async def next_project(client: RoomClient, kind: str) -> Event:
    event = await client.expect(kind)
    assert set(event) == {"type", "project"}
    project: Event = event["project"]
    return project


async def test_change_reaches_everyone_as_http_returns_it(room: Room) -> None:
    async with room.join(room.owner) as one, room.join(await room.add_member()) as two:
        for number in range(3):
            changed = await patch(room, name=f"Apollo {number}")
            assert await next_project(one, "project.updated") == changed
            assert await next_project(two, "project.updated") == changed


async def test_archiving_and_restoring_have_events_of_their_own(room: Room) -> None:
    async with room.join(room.owner) as client:
        archived = await patch(room, archived=True)
        assert await next_project(client, "project.archived") == archived
        await patch(room, archived=True)  # is no change
        restored = await patch(room, archived=False)
        assert await next_project(client, "project.restored") == restored
        both = await patch(room, name="Apollo", archived=True)
        assert await next_project(client, "project.updated") == both
        assert await next_project(client, "project.archived") == both


async def test_request_without_a_change_is_no_event(room: Room) -> None:
    async with room.join(room.owner) as client:
        await patch(room, name=room.project.name, description=room.project.description)
        await patch(room)
        await patch(room, name="Apollo")
        assert (await next_project(client, "project.updated"))["name"] == "Apollo"


async def test_failed_request_is_no_event(room: Room) -> None:
    owner = await room.sign_in(room.owner)
    viewer = await room.sign_in(await room.add_member(MemberRole.VIEWER))
    duplicate = {"name": "Another", "slug": room.project.slug}
    async with room.join(room.owner) as client:
        answers = [
            await owner.patch(room.path, json={"name": ""}),
            await owner.patch(room.path, json={"name": "Apollo", "archived": "perhaps"}),
            await viewer.patch(room.path, json={"name": "Apollo"}),
            await viewer.delete(room.path),
            await owner.post(room.projects, json=duplicate),
        ]
        await patch(room, name="Gemini")
        assert (await next_project(client, "project.updated"))["name"] == "Gemini"

    assert [answer.status_code for answer in answers] == [422, 422, 403, 403, 409]
