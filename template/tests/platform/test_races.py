"""Concurrent changes count, and no two requests deadlock."""

import pytest
from httpx import AsyncClient
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.tokens import hash_token
from app.models import Login, Organization, User
from app.services import logins, memberships, organizations, users
from app.services.locking import lock_organization
from tests.support.databases import LockWaits
from tests.support.factories import add_member, make_invitation, make_organization, make_user
from tests.support.races import overtaken
from tests.support.service import Service

TOKEN = "the-token-of-the-mail"


@pytest.fixture
async def ada(committed_service: Service) -> User:
    return await committed_service.make(make_user)


@pytest.fixture
async def client(committed_service: Service, ada: User) -> AsyncClient:
    return await committed_service.sign_in(ada)


async def test_user_who_is_deleted_creates_no_organization(
    committed_service: Service, lock_waits: LockWaits, client: AsyncClient, ada: User
) -> None:
    founding = client.post("/api/v1/organizations/", json={"name": "Acme", "slug": "acme"})

    async def delete(session: AsyncSession) -> None:
        await users.delete(session, ada.id)

    assert await overtaken(committed_service, lock_waits, [founding], delete) == [401]
    async with committed_service.database.read() as session:
        assert await session.scalar(select(Organization)) is None


async def test_session_ends_once(
    committed_service: Service, lock_waits: LockWaits, client: AsyncClient, ada: User
) -> None:
    await committed_service.sign_in(ada)
    async with committed_service.database.read() as session:
        newest = select(Login.id).order_by(Login.created_at.desc()).limit(1)
        other = (await session.scalars(newest)).one()
    ending = client.delete(f"/api/v1/users/me/sessions/{other}")

    async def end(session: AsyncSession) -> None:
        await logins.revoke_of_user(session, ada.id, other)

    assert await overtaken(committed_service, lock_waits, [ending], end) == [404]


async def test_member_who_is_removed_accepts_no_invitation(
    committed_service: Service, lock_waits: LockWaits, client: AsyncClient, ada: User
) -> None:
    async with committed_service.database.write() as session:
        owner = await make_user(session)
        acme = await make_organization(session, owner, slug="acme")
        await add_member(session, acme, ada)
        await make_invitation(session, acme, owner, email=ada.email, token_hash=hash_token(TOKEN))
    accepting = client.post("/api/v1/invitations/accept", json={"token": TOKEN})

    async def lock(session: AsyncSession) -> None:
        await lock_organization(session, acme.id)

    async def remove(session: AsyncSession) -> None:
        actor = await organizations.get_membership(session, "acme", owner.id)
        await memberships.remove(session, actor, ada.id)

    assert await overtaken(committed_service, lock_waits, [accepting], lock, remove) == [400]
