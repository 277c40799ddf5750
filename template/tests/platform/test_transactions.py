import asyncio
from collections.abc import AsyncGenerator

import pytest
from httpx import ASGITransport, AsyncClient
from sqlalchemy import event, func, select, text
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.types import Message, Receive, Scope, Send

from app.api.deps import DB
from app.core.errors import Conflict
from app.core.tokens import hash_token
from app.db import session as db_session
from app.db.session import Database
from app.models import Login, Organization, User
from app.services import logins, memberships, users
from app.services.locking import lock_organization
from tests.conftest import settings_for
from tests.support.databases import LockWaits
from tests.support.factories import (
    add_member,
    get_membership,
    make_invitation,
    make_organization,
    make_user,
    new_user,
)
from tests.support.logins import ADA, REGISTER
from tests.support.races import blocked_or_done, overtaken
from tests.support.service import Service, add_route, running_with
from tests.support.waiting import PATIENCE, patience

TOKEN = "the-token-of-the-mail"


async def count_users(database: Database) -> int:
    async with database.read() as session:
        return await session.scalar(select(func.count(User.id))) or 0


@pytest.fixture
async def narrow_service(own_url: str, monkeypatch: pytest.MonkeyPatch) -> AsyncGenerator[Service]:
    """A service with one connection, for which no request waits long."""
    # Fires early without harm: no request waits for a free connection.
    monkeypatch.setattr(db_session, "POOL_TIMEOUT_SECONDS", 0.2)
    settings = settings_for(own_url, DATABASE_POOL_SIZE=1)
    async with running_with(settings) as service:
        yield service


async def test_row_is_committed_before_the_response(committed_service: Service) -> None:
    users_at_start: list[int] = []

    async def watched(scope: Scope, receive: Receive, send: Send) -> None:
        async def count_and_send(message: Message) -> None:
            if message["type"] == "http.response.start":
                users_at_start.append(await count_users(committed_service.database))
            await send(message)

        await committed_service.app(scope, receive, count_and_send)

    async with AsyncClient(transport=ASGITransport(watched), base_url="http://test") as client:
        response = await client.post(REGISTER, json=ADA)

    assert response.status_code == 201
    assert users_at_start == [1]


async def test_conflict_found_at_commit_gets_409(committed_service: Service) -> None:
    async def add_without_flush(db: DB) -> None:
        db.add_all([new_user(email="ada@example.com"), new_user(email="ada@example.com")])

    path = add_route(committed_service, add_without_flush)
    response = await committed_service.client().post(path)

    assert response.status_code == 409
    assert response.json()["detail"] == "Email already registered"
    assert await count_users(committed_service.database) == 0


@pytest.mark.parametrize(("error", "status"), [(Conflict("No."), 409), (RuntimeError("oops"), 500)])
async def test_error_rolls_back_the_request(
    committed_service: Service, error: Exception, status: int
) -> None:
    async def write_and_fail(db: DB) -> None:
        db.add(new_user())
        await db.flush()
        raise error

    path = add_route(committed_service, write_and_fail)
    response = await committed_service.client().post(path)

    assert response.status_code == status
    assert await count_users(committed_service.database) == 0


async def test_cancelled_request_frees_its_connection(narrow_service: Service) -> None:
    written = asyncio.Event()

    async def write_and_wait(db: DB) -> None:
        db.add(new_user())
        await db.flush()
        written.set()
        await asyncio.Event().wait()

    path = add_route(narrow_service, write_and_wait)
    request = asyncio.create_task(narrow_service.client().post(path))
    async with patience():
        await written.wait()
        request.cancel()
        await asyncio.wait([request])

    assert await count_users(narrow_service.database) == 0
    response = await narrow_service.client().post(REGISTER, json=ADA)
    assert response.status_code == 201


async def test_reads_wait_for_no_writer(committed_service: Service, lock_waits: LockWaits) -> None:
    async with committed_service.database.write() as writer:
        user = await make_user(writer)
        client = await committed_service.sign_in(user)
        writer.add(new_user())
        await writer.flush()

        request = asyncio.ensure_future(client.get("/api/v1/users/me"))
        await blocked_or_done(lock_waits, request)

        assert request.done()

    assert (await request).status_code == 200


async def test_concurrent_writers_succeed(
    committed_service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(committed_service.database.engine.sync_engine.pool, "_timeout", PATIENCE)
    client = await committed_service.sign_in(await committed_service.make(make_user))
    bodies = [{"name": "Acme", "slug": f"acme-{number}"} for number in range(40)]

    responses = await asyncio.gather(
        *(client.post("/api/v1/organizations/", json=body) for body in bodies)
    )

    assert {response.status_code for response in responses} == {201}


async def test_full_pool_is_503_until_a_connection_is_free(narrow_service: Service) -> None:
    client = narrow_service.client()
    async with narrow_service.database.write() as session:
        await session.execute(text("SELECT 1"))

        response = await client.post(REGISTER, json=ADA)
        assert response.status_code == 503
        assert response.headers["Retry-After"] == "5"
        assert response.headers["Content-Type"] == "application/problem+json"
        assert (await client.get("/health/ready")).status_code == 503
        assert (await client.get("/health")).status_code == 200

    assert (await client.get("/health/ready")).status_code == 200
    response = await client.post(REGISTER, json=ADA)
    assert response.status_code == 201


async def test_every_connection_is_closed_at_shutdown(own_url: str) -> None:
    opened: list[object] = []
    closed: list[object] = []

    async with running_with(settings_for(own_url)) as service:
        engine = service.database.engine.sync_engine
        event.listen(engine, "connect", lambda connection, _: opened.append(connection))
        event.listen(engine, "close", lambda connection, _: closed.append(connection))
        await asyncio.gather(*(service.client().get("/health/ready") for _ in range(3)))

    assert opened
    assert len(closed) == len(opened)


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
        actor = await get_membership(session, acme.id, owner.id)
        await memberships.remove(session, actor, ada.id)

    assert await overtaken(committed_service, lock_waits, [accepting], lock, remove) == [400]
