"""What a committed transaction sends to the rooms."""

from dataclasses import dataclass, replace
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.clock import utc_now
from app.core.tokens import read_access_token
from app.models import Membership, Organization, Project, User
from app.realtime.hub import Hub
from app.realtime.room import Subscriber
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
    subscriber: Subscriber
    """A connection of the user in the project's room."""


@pytest.fixture
async def scene(hub: Hub, session: AsyncSession) -> Scene:
    organization = await make_organization(session, await make_user(session))
    user = await make_user(session)
    membership = await add_member(session, organization, user)
    project = await make_project(session, organization)
    subscriber = await join(hub, project.id, user_id=user.id, organization_id=organization.id)
    return Scene(session, user, membership, organization, project, subscriber)


async def test_only_the_creation_of_a_project_reaches_other_rooms(hub: Hub, scene: Scene) -> None:
    outsider = await join(hub, uuid4())
    project = await make_project(scene.db, scene.organization, name="Gemini")
    project.name = "Vostok"
    await scene.db.commit()

    (event,) = read(scene.subscriber)
    assert event["type"] == "project.created"
    assert event["project"]["name"] == "Gemini"
    assert read(outsider) == []


async def test_new_timestamp_alone_is_no_event(scene: Scene) -> None:
    scene.project.updated_at = utc_now()
    await scene.db.commit()

    assert read(scene.subscriber) == []


@pytest.mark.parametrize(
    ("row", "column", "value", "due"),
    [
        ("user", "is_active", False, True),
        ("organization", "deleted_at", utc_now(), True),
        ("organization", "name", "Apollo", False),
        ("project", "name", "Apollo", False),
    ],
    ids=["deactivated", "deleted", "organization renamed", "project renamed"],
)
async def test_commit_that_affects_access_requests_a_check(
    scene: Scene, row: str, column: str, value: Any, due: bool
) -> None:
    setattr(getattr(scene, row), column, value)
    await scene.db.flush()
    assert not scene.subscriber.check_due.is_set()
    await scene.db.commit()

    assert scene.subscriber.check_due.is_set() == due


@pytest.mark.parametrize("row", ["membership", "project"])
async def test_deleted_row_requests_a_check(scene: Scene, row: str) -> None:
    await scene.db.delete(getattr(scene, row))
    await scene.db.flush()
    assert not scene.subscriber.check_due.is_set()
    await scene.db.commit()

    assert scene.subscriber.check_due.is_set()


async def test_only_a_revoked_session_requests_a_check(service: Service, scene: Scene) -> None:
    subscriber = scene.subscriber
    pair = await logins.start(scene.db, service.settings, scene.user)
    await scene.db.commit()
    assert not subscriber.check_due.is_set()

    session_id = read_access_token(service.settings, pair.access_token).session_id
    subscriber.access = replace(subscriber.access, credential_id=session_id)
    await logins.revoke(scene.db, session_id)
    await scene.db.commit()

    assert subscriber.check_due.is_set()
