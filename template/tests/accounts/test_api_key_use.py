"""Scopes, and the last use of a key: recording it neither delays nor fails the request."""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from uuid import UUID, uuid4

import pytest
from sqlalchemy import select
from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.types import Message
from time_machine import Traveller

from app.api.callers import CurrentUser
from app.api.deps import DB
from app.core.clock import utc_now
from app.core.roles import Scope, UserRole
from app.models import ApiKey, AuditEvent
from app.services import api_keys, audit
from app.services.audit import Action
from app.tasks.key_use import KeyUses
from tests.support.factories import make_admin, make_api_key, make_organization, make_user
from tests.support.service import Service, add_route, assert_problem
from tests.support.waiting import patience

ME = "/api/v1/users/me"
KEYS = "/api/v1/users/me/api-keys/"
ACME = "/api/v1/organizations/acme"

USERS = "/api/v1/users/"


async def last_use(session: AsyncSession, key: ApiKey) -> datetime | None:
    await session.refresh(key)
    return key.last_used_at


async def test_last_use_is_recorded_to_the_minute(
    service: Service, session: AsyncSession, clock: Traveller
) -> None:
    key, secret = await make_api_key(session, await make_user(session))
    noted = []
    async with service.client(secret) as client:
        for seconds in (0, 59, 1):
            clock.shift(timedelta(seconds=seconds))
            await client.get(ME)
            noted.append(await last_use(session, key))

    assert noted[0] is not None
    assert noted[0] == noted[1]
    assert noted[2] is not None
    assert noted[2] - noted[0] == timedelta(seconds=60)


async def test_second_record_within_a_minute_changes_nothing(session: AsyncSession) -> None:
    key, _ = await make_api_key(session, await make_user(session))
    await api_keys.record_use(session, key.id)
    first = key.last_used_at

    await api_keys.record_use(session, key.id)

    assert first is key.last_used_at is not None


async def test_rejected_key_records_no_use(service: Service, session: AsyncSession) -> None:
    key, secret = await make_api_key(session, await make_user(session), revoked_at=utc_now())

    await service.client(secret).get(ME)

    assert await last_use(session, key) is None


async def test_response_does_not_wait_for_the_record(
    service: Service, session: AsyncSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, secret = await make_api_key(session, await make_user(session))
    order: list[str] = []

    async def note(session: AsyncSession, key_id: UUID) -> None:
        order.append("noted")

    monkeypatch.setattr(api_keys, "record_use", note)

    async def receive() -> Message:
        return {"type": "http.request", "body": b""}

    async def send(message: Message) -> None:
        order.append(message["type"])

    request = service.client(secret).build_request("GET", ME)
    scope = {
        "type": "http",
        "method": "GET",
        "path": ME,
        "query_string": b"",
        "headers": [(name.lower(), value) for name, value in request.headers.raw],
        "client": ("127.0.0.1", 50000),
        "state": {},
    }
    await service.app(scope, receive, send)

    assert order == ["http.response.start", "http.response.body", "noted"]


async def test_failed_record_fails_no_request(
    service: Service,
    session: AsyncSession,
    monkeypatch: pytest.MonkeyPatch,
    read_log: Callable[[], str],
) -> None:
    _, secret = await make_api_key(session, await make_user(session))

    async def fail(session: AsyncSession, key_id: UUID) -> None:
        raise OperationalError("UPDATE", {}, Exception("the database is busy"))

    monkeypatch.setattr(api_keys, "record_use", fail)

    assert (await service.client(secret).get(ME)).status_code == 200

    assert "key_use_not_recorded" in read_log()


async def test_records_hold_one_connection_at_most(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise they would leave none for the requests."""
    uses = KeyUses(service.database)
    one, other = uuid4(), uuid4()
    begun: list[UUID] = []
    free = asyncio.Event()

    async def wait(session: AsyncSession, key_id: UUID) -> None:
        begun.append(key_id)
        await free.wait()

    monkeypatch.setattr(api_keys, "record_use", wait)

    async with patience(), asyncio.TaskGroup() as tasks:
        _, _, *repeated = [tasks.create_task(uses.record(each)) for each in (one, other, one, one)]
        await asyncio.wait(repeated)  # which come after the other one has had its chance
        assert begun == [one]
        free.set()

    assert begun == [one, other]


@pytest.mark.parametrize(
    ("scope", "allowed"), [(Scope.READ, "GET"), (Scope.WRITE, "PATCH"), (Scope.ADMIN, None)]
)
@pytest.mark.parametrize(("method", "lacking"), [("GET", "read"), ("PATCH", "write")])
async def test_each_method_needs_its_scope(
    service: Service,
    session: AsyncSession,
    scope: Scope,
    allowed: str | None,
    method: str,
    lacking: str,
) -> None:
    owner = await make_admin(session)
    await make_organization(session, owner, slug="acme")
    _, key = await make_api_key(session, owner, scope)

    response = await service.client(key).request(method, ACME, json={})

    if method == allowed:
        assert response.status_code == 200
    else:
        assert_problem(response, 403, f"The API key lacks the {lacking} scope")


async def test_key_of_an_admin_needs_admin_scope(service: Service, session: AsyncSession) -> None:
    admin = await make_admin(session)
    _, ordinary = await make_api_key(session, admin)
    _, powerful = await make_api_key(session, admin, Scope.READ, Scope.ADMIN)

    assert_problem(await service.client(ordinary).get(USERS), 403)
    assert (await service.client(powerful).get(USERS)).status_code == 200


async def test_key_loses_rights_with_its_user(service: Service, session: AsyncSession) -> None:
    admin = await make_admin(session)
    _, key = await make_api_key(session, admin, *Scope)
    admin.role = UserRole.USER
    await session.commit()

    async with service.client(key) as client:
        assert_problem(await client.get(USERS), 403)
        assert (await client.get(ME)).status_code == 200


async def test_only_admins_grant_the_admin_scope(service: Service, session: AsyncSession) -> None:
    body = {"name": "Provisioning", "scopes": ["admin", "read"]}
    user = await service.sign_in(await make_user(session))
    admin = await service.sign_in(await make_admin(session))

    assert_problem(await user.post(KEYS, json=body), 403)
    created = await admin.post(KEYS, json=body)

    assert created.status_code == 201
    assert created.json()["scopes"] == ["admin", "read"]


async def test_key_cannot_create_keys(service: Service, session: AsyncSession) -> None:
    """Otherwise a stolen key would outlive its revocation."""
    _, key = await make_api_key(session, await make_admin(session), *Scope)

    refused = await service.client(key).post(KEYS, json={"name": "Successor"})

    assert_problem(refused, 403, "API keys are not accepted here: log in")


async def test_audit_log_names_the_key(committed_service: Service) -> None:
    user = await committed_service.make(make_user)
    key, secret = await committed_service.make(make_api_key, user)

    async def change_something(db: DB, user: CurrentUser) -> None:
        audit.record(db, Action.USER_UPDATED, user)

    path = add_route(committed_service, change_something)
    by_key = await committed_service.client(secret).post(path)
    by_login = await (await committed_service.sign_in(user)).post(path)

    assert by_key.status_code == by_login.status_code == 200
    async with committed_service.database.read() as session:
        query = select(AuditEvent).where(AuditEvent.target_id == user.id)
        events = (await session.scalars(query.order_by(AuditEvent.created_at))).all()
    noted: list[tuple[UUID | None, UUID | None]] = [
        (event.actor_id, event.api_key_id)
        for event in events
        if event.action == Action.USER_UPDATED
    ]
    assert noted == [(user.id, key.id), (user.id, None)]
