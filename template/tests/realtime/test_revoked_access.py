"""A user who loses access is disconnected, with a code that says why."""

from typing import Any

import pytest

from app.core.roles import MemberRole
from tests.support.clock import later
from tests.support.factories import (
    PASSWORD,
    add_member,
    make_admin,
    make_organization,
    make_project,
)
from tests.support.logins import log_in, refresh
from tests.support.websocket_room import Room

PASSWORDS = {"current_password": PASSWORD, "new_password": "Another-Horse-8!"}


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/auth/logout-all", {}),
        ("POST", "/users/me/password", PASSWORDS),
        ("DELETE", "/users/me", {"password": PASSWORD}),
    ],
    ids=["logs out everywhere", "changes the password", "deletes the account"],
)
async def test_user_who_ends_all_sessions_is_disconnected(
    room: Room, method: str, path: str, body: dict[str, Any]
) -> None:
    user = await room.add_member()
    async with room.join(user) as one, room.join(user) as two, room.join(room.owner) as other:
        await room.call(user, method, f"/api/v1{path}", **body)
        assert [await one.close_code(), await two.close_code()] == [4401, 4401]
        await other.stays_open()


@pytest.mark.parametrize(
    ("method", "body"),
    [("PATCH", {"is_active": False}), ("PATCH", {"role": "admin"}), ("DELETE", {})],
    ids=["deactivated", "promoted", "deleted"],
)
async def test_changed_user_is_disconnected(room: Room, method: str, body: dict[str, Any]) -> None:
    user = await room.add_member()
    admin = await room.service.make(make_admin)
    async with room.join(user) as client, room.join(room.owner) as other:
        await room.call(admin, method, f"/api/v1/users/{user.id}", **body)
        assert await client.close_code() == 4401
        await other.stays_open()


async def test_logout_closes_only_the_connections_of_its_session(room: Room) -> None:
    token = await room.token(room.owner)
    async with room.join(room.owner, token=token) as client, room.join(room.owner) as other:
        async with room.service.client(token) as session:
            assert (await session.post("/api/v1/auth/logout")).status_code == 204
        assert await client.close_code() == 4401
        await other.stays_open()


async def test_reused_refresh_token_closes_the_sessions_connections(room: Room) -> None:
    async with room.service.client() as session:
        pair = await log_in(session, room.owner)
        async with room.join(room.owner, token=pair["access_token"]) as client:
            await refresh(session, pair)
            with later(60):
                assert (await refresh(session, pair)).status_code == 401
            assert await client.close_code() == 4401


async def test_removed_member_is_disconnected_from_that_organization(room: Room) -> None:
    user = await room.add_member()
    organization = await room.service.make(make_organization, user)
    elsewhere = await room.service.make(make_project, organization)
    async with (
        room.join(user) as client,
        room.join(user, project=elsewhere.id) as other,
        room.join(room.owner) as owner,
    ):
        await room.call(room.owner, "DELETE", f"{room.members}/{user.id}")
        assert await client.close_code() == 4403
        await owner.expect("presence.left")
        await owner.stays_open()
        await other.stays_open()


async def test_member_who_leaves_is_disconnected(room: Room) -> None:
    user = await room.add_member()
    async with room.join(user) as client:
        await room.call(user, "POST", f"/api/v1/organizations/{room.organization.slug}/leave")
        assert await client.close_code() == 4403


async def test_new_role_applies_to_open_connections(room: Room) -> None:
    user = await room.add_member()
    member = f"{room.members}/{user.id}"
    async with room.join(user) as client, room.join(room.owner) as owner:
        await client.stays_open()
        await room.call(room.owner, "PATCH", member, role=MemberRole.VIEWER)
        await client.post_until("forbidden")
        await owner.post("to all")
        await client.receives("to all")
        await room.call(room.owner, "PATCH", member, role=MemberRole.MEMBER)
        await client.post_until("message")


async def test_deleted_project_is_announced_and_then_closed(room: Room) -> None:
    async with room.join(room.owner) as one, room.join(await room.add_member()) as two:
        await room.call(room.owner, "DELETE", room.path)
        for client in (one, two):
            deleted = await client.expect("project.deleted")
            assert deleted == {"type": "project.deleted", "project_id": str(room.project.id)}
            assert await client.close_code() == 4404


async def test_deleted_organization_closes_all_its_rooms_and_no_other(room: Room) -> None:
    second, user = await room.second_project(), await room.stranger()
    elsewhere = await room.service.make(make_organization, room.owner)
    other = await room.service.make(make_project, elsewhere)
    await room.service.make(add_member, elsewhere, user)
    async with (
        room.join(room.owner) as one,
        room.join(room.owner, project=second.id) as two,
        room.join(user, project=other.id) as three,
    ):
        path = f"/api/v1/organizations/{room.organization.slug}"
        await room.call(room.owner, "DELETE", path)
        assert [await one.close_code(), await two.close_code()] == [4404, 4404]
        await three.stays_open()
