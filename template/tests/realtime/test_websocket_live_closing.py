"""Who may no longer be in a room is shown out, at once and with a code that says why."""

from app.core.roles import MemberRole
from app.models import User
from tests.support.factories import add_member, make_organization, make_project
from tests.support.websocket_room import Room


async def test_a_removed_member_is_shown_out_of_that_organization_alone(room: Room) -> None:
    user = await room.member()
    async with room.service.database.write() as session:
        elsewhere = await make_project(session, await make_organization(session, user))
    async with (
        room.enter(user) as visitor,
        room.enter(user, project=elsewhere.id) as other,
        room.enter(room.owner) as owner,
    ):
        client = await room.client(room.owner)
        assert (await client.delete(f"{room.members}/{user.id}")).status_code == 204
        assert await visitor.closed() == 4403
        await owner.expect("presence.left")
        await owner.goes_on()
        await other.goes_on()


async def test_who_leaves_the_organization_leaves_the_room(room: Room) -> None:
    user = await room.member()
    async with room.enter(user) as visitor:
        client = await room.client(user)
        await client.post(f"/api/v1/organizations/{room.organization.slug}/leave")
        assert await visitor.closed() == 4403


async def test_a_member_who_becomes_a_viewer_listens_until_made_a_member_again(room: Room) -> None:
    user = await room.member()
    async with room.enter(user) as visitor, room.enter(room.owner) as owner:
        await visitor.goes_on()
        await change_role(room, user, MemberRole.VIEWER)
        await visitor.until_answered("forbidden")
        await owner.say("to all")
        await visitor.hears("to all")
        await change_role(room, user, MemberRole.MEMBER)
        await visitor.until_answered("message")


async def test_a_deleted_project_is_told_and_then_closed(room: Room) -> None:
    async with room.enter(room.owner) as one, room.enter(await room.member()) as two:
        client = await room.client(room.owner)
        assert (await client.delete(room.path)).status_code == 204
        for visitor in (one, two):
            told = await visitor.expect("project.deleted")
            assert told == {"type": "project.deleted", "project_id": str(room.project.id)}
            assert await visitor.closed() == 4404


async def test_a_deleted_organization_closes_all_its_rooms_and_no_other(room: Room) -> None:
    async with room.service.database.write() as session:
        second = await make_project(session, room.organization)
        other_organization = await make_organization(session, room.owner)
        other = await make_project(session, other_organization)
        user = await room.stranger()
        await add_member(session, other_organization, user)
    async with (
        room.enter(room.owner) as one,
        room.enter(room.owner, project=second.id) as two,
        room.enter(user, project=other.id) as three,
    ):
        client = await room.client(room.owner)
        slug = room.organization.slug
        assert (await client.delete(f"/api/v1/organizations/{slug}")).status_code == 204
        assert [await one.closed(), await two.closed()] == [4404, 4404]
        await three.goes_on()


async def change_role(room: Room, user: User, role: MemberRole) -> None:
    client = await room.client(room.owner)
    changed = await client.patch(f"{room.members}/{user.id}", json={"role": role})
    assert changed.status_code == 200
