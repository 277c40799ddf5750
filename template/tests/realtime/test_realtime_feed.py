"""What the rooms are told of a transaction: everything, in order, and only once it is committed."""

from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass, replace
from uuid import uuid4

import pytest
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.clock import utc_now
from app.core.tokens import read_access_token
from app.models import Membership, Organization, Project, User
from app.realtime.hub import Hub
from app.realtime.socket import Socket
from app.services import logins
from tests.support.factories import add_member, make_organization, make_project, make_user
from tests.support.realtime import join, read
from tests.support.service import Service


@dataclass
class Scene:
    db: AsyncSession
    user: User
    membership: Membership
    organization: Organization
    project: Project
    socket: Socket
    """Of the user, in the project's room."""

    def heard(self) -> list[str]:
        return [event["type"] for event in read(self.socket)]


@pytest.fixture
async def scene(service: Service, session: AsyncSession) -> AsyncGenerator[Scene]:
    hub: Hub = service.app.state.hub
    organization = await make_organization(session, await make_user(session))
    user = await make_user(session)
    membership = await add_member(session, organization, user)
    project = await make_project(session, organization)
    socket = await join(hub, project.id, user.id, organization_id=organization.id)
    yield Scene(session, user, membership, organization, project, socket)
    await hub.leave(socket)


async def test_each_change_of_a_project_is_an_event(scene: Scene) -> None:
    scene.project.name = "Apollo"
    await scene.db.commit()
    scene.project.archived_at = utc_now()
    await scene.db.commit()
    scene.project.archived_at = None
    scene.project.description = "To the moon"
    await scene.db.commit()
    await scene.db.delete(scene.project)
    await scene.db.commit()

    assert scene.heard() == [
        "project.updated",
        "project.archived",
        "project.updated",
        "project.restored",
        "project.deleted",
    ]


async def test_a_new_project_is_announced_in_the_rooms_of_its_organization(
    service: Service, scene: Scene
) -> None:
    elsewhere = await join(service.app.state.hub, uuid4())
    scene.db.add(Project(organization_id=scene.organization.id, name="Gemini", slug="gemini"))
    await scene.db.commit()

    announced = read(scene.socket)
    assert [event["type"] for event in announced] == ["project.created"]
    assert announced[0]["project"]["name"] == "Gemini"
    assert read(elsewhere) == []
    await service.app.state.hub.leave(elsewhere)


async def test_what_is_not_committed_is_not_told(scene: Scene) -> None:
    scene.project.name = "Apollo"
    await scene.db.flush()
    assert scene.heard() == []

    await scene.db.rollback()

    assert scene.heard() == []


async def test_touching_a_project_without_a_change_is_no_event(scene: Scene) -> None:
    scene.project.updated_at = utc_now()
    await scene.db.commit()

    assert scene.heard() == []


Alter = Callable[[Scene], Awaitable[None]]


async def remove(scene: Scene) -> None:
    await scene.db.delete(scene.membership)


async def deactivate(scene: Scene) -> None:
    scene.user.is_active = False


async def delete_organization(scene: Scene) -> None:
    scene.organization.deleted_at = utc_now()


async def delete_project(scene: Scene) -> None:
    await scene.db.delete(scene.project)


@pytest.mark.parametrize("change", [remove, deactivate, delete_organization, delete_project])
async def test_a_change_of_rights_calls_for_attention(scene: Scene, change: Alter) -> None:
    await change(scene)
    assert not scene.socket.attention.is_set()
    await scene.db.commit()

    assert scene.socket.attention.is_set()


async def test_the_end_of_a_session_calls_for_attention_and_its_start_does_not(
    service: Service, scene: Scene
) -> None:
    pair = await logins.start(scene.db, service.settings, scene.user)
    await scene.db.commit()
    assert not scene.socket.attention.is_set()

    session_id = read_access_token(service.settings, pair.access_token).session_id
    scene.socket.access = replace(scene.socket.access, credential_id=session_id)
    await logins.revoke(scene.db, session_id)
    await scene.db.commit()

    assert scene.socket.attention.is_set()


@pytest.mark.parametrize("row", ["project", "organization"])
async def test_a_new_name_leaves_rights_alone(scene: Scene, row: str) -> None:
    getattr(scene, row).name = "Apollo"
    await scene.db.commit()

    assert not scene.socket.attention.is_set()
