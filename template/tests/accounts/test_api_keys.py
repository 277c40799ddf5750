import asyncio
import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from httpx import AsyncClient
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.clock import utc_now
from app.core.tokens import hash_token, new_api_key
from app.models import ApiKey, AuditEvent, User
from app.services import api_keys
from tests.support.clock import later
from tests.support.factories import make_admin, make_api_key, make_organization, make_user
from tests.support.service import Service, assert_problem

KEYS = "/api/v1/users/me/api-keys/"
ME = "/api/v1/users/me"


async def create(client: AsyncClient, **fields: Any) -> dict[str, Any]:
    response = await client.post(KEYS, json={"name": "Nightly backup"} | fields)
    assert response.status_code == 201
    answer: dict[str, Any] = response.json()
    return answer


async def status_of(service: Service, key: str) -> int:
    return (await service.client(key).get(ME)).status_code


async def test_key_works_as_access_token(service: Service, user: User, caller: AsyncClient) -> None:
    created = await create(caller, scopes=["read", "write"])

    async with service.client(created["key"]) as program:
        profile = await program.get(ME)
        body = {"name": "Acme Corporation", "slug": "acme"}
        founded = await program.post("/api/v1/organizations", json=body)

    assert profile.json()["id"] == created["user_id"] == str(user.id)
    assert founded.json()["owner_id"] == str(user.id)


async def test_key_is_shown_once_and_hashed(session: AsyncSession, caller: AsyncClient) -> None:
    key = (await create(caller))["key"]
    listed = await caller.get(KEYS)
    stored = (await session.scalars(select(ApiKey))).one()

    assert re.fullmatch(r"ak_[A-Za-z0-9_-]{43}", key)
    assert stored.key_hash == hash_token(key)
    assert stored.prefix == listed.json()["data"][0]["prefix"] == key[:11]
    assert key not in listed.text
    assert key[3:] not in str(vars(stored))


async def test_new_key_only_reads_and_never_expires_by_default(caller: AsyncClient) -> None:
    created = await create(caller)

    assert created["scopes"] == ["read"]
    assert created["expires_at"] is created["last_used_at"] is created["organization_id"] is None


@pytest.mark.parametrize("columns", [{"revoked_at": utc_now()}, {"expires_at": utc_now()}, {}])
async def test_unknown_revoked_and_expired_keys_get_the_same_401(
    service: Service, session: AsyncSession, user: User, columns: dict[str, Any]
) -> None:
    _, known = await make_api_key(session, user, **columns)

    response = await service.client(known if columns else new_api_key()).get(ME)

    assert_problem(response, 401, "Could not validate credentials")
    assert response.headers["WWW-Authenticate"] == 'Bearer error="invalid_token"'


@pytest.mark.usefixtures("clock")
async def test_key_expires(service: Service, caller: AsyncClient) -> None:
    tomorrow = utc_now() + timedelta(days=1)
    key = (await create(caller, expires_at=tomorrow.isoformat()))["key"]

    with later(days=1, seconds=-60):
        assert await status_of(service, key) == 200
    with later(days=1):
        assert await status_of(service, key) == 401


@pytest.mark.parametrize(
    "fields",
    [
        {"expires_at": "2020-01-01T00:00:00Z"},
        {"expires_at": "2999-01-01T00:00:00Z"},
        {"expires_at": "9999-12-31T23:59:59-14:00"},
        {"expires_at": (utc_now() + timedelta(days=9)).replace(tzinfo=None).isoformat()},
        {"name": "x"},
        {"name": "a\0b"},
        {"scopes": []},
        {"scopes": ["root"]},
        {"user_id": str(uuid4())},
    ],
)
async def test_invalid_key_request_gets_422(caller: AsyncClient, fields: dict[str, Any]) -> None:
    assert (await caller.post(KEYS, json={"name": "Nightly backup"} | fields)).status_code == 422


async def test_revoked_key_fails_and_is_not_listed(service: Service, caller: AsyncClient) -> None:
    created = await create(caller)

    assert (await caller.delete(f"{KEYS}{created['id']}")).status_code == 204

    assert await status_of(service, created["key"]) == 401
    assert (await caller.get(KEYS)).json()["data"] == []
    assert (await caller.delete(f"{KEYS}{created['id']}")).status_code == 404


async def test_key_of_another_user_is_not_found(
    service: Service, session: AsyncSession, user: User
) -> None:
    key, secret = await make_api_key(session, user)
    other = await service.sign_in(await make_admin(session))

    assert (await other.get(KEYS)).json()["total"] == 0
    assert_problem(await other.delete(f"{KEYS}{key.id}"), 404)
    assert await status_of(service, secret) == 200


async def test_user_manages_every_key_that_acts_for_them(
    session: AsyncSession, user: User, caller: AsyncClient
) -> None:
    organization = await make_organization(session, user)
    old = utc_now() - timedelta(days=1)
    theirs, _ = await make_api_key(session, user, organization=organization)
    mine, _ = await make_api_key(session, user, created_at=old, expires_at=old)

    listed = (await caller.get(KEYS)).json()

    assert [key["id"] for key in listed["data"]] == [str(theirs.id), str(mine.id)]
    assert listed["data"][0]["organization_id"] == str(organization.id)
    assert (await caller.delete(f"{KEYS}{theirs.id}")).status_code == 204


async def test_live_keys_are_limited(
    session: AsyncSession, user: User, caller: AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api_keys, "MAX_LIVE", 1)
    await make_api_key(session, user, revoked_at=utc_now())
    await make_api_key(session, user, expires_at=utc_now())
    await make_api_key(session, user, organization=await make_organization(session, user))
    await make_api_key(session, await make_user(session))

    await create(caller)
    assert_problem(await caller.post(KEYS, json={"name": "One more"}), 409)


async def test_concurrent_creates_respect_the_limit(
    committed_service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api_keys, "MAX_LIVE", 1)
    client = await committed_service.sign_in(await committed_service.make(make_user))

    answers = await asyncio.gather(
        *(client.post(KEYS, json={"name": f"Key {number}"}) for number in range(4))
    )

    assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409]


async def test_key_of_a_deactivated_user_stays_revoked(
    service: Service, session: AsyncSession, user: User
) -> None:
    _, key = await make_api_key(session, user)
    admin = await service.sign_in(await make_admin(session))

    await admin.patch(f"/api/v1/users/{user.id}", json={"is_active": False})
    assert await status_of(service, key) == 403
    await admin.patch(f"/api/v1/users/{user.id}", json={"is_active": True})
    assert await status_of(service, key) == 401


async def test_key_of_a_deleted_user_is_rejected(
    service: Service, session: AsyncSession, user: User
) -> None:
    known, revoked = await make_api_key(session, user)
    admin = await service.sign_in(await make_admin(session))

    await admin.delete(f"/api/v1/users/{user.id}")
    await session.refresh(known)
    _, unnoticed = await make_api_key(session, user)

    assert known.revoked_at is not None
    assert [await status_of(service, key) for key in (revoked, unnoticed)] == [401, 401]


async def test_audit_log_records_creation_and_revocation(
    session: AsyncSession, user: User, caller: AsyncClient
) -> None:
    created = await create(caller)
    await caller.delete(f"{KEYS}{created['id']}")

    query = select(AuditEvent).where(AuditEvent.target_type == "api_keys")
    events = (await session.scalars(query.order_by(AuditEvent.created_at))).all()

    assert [event.action for event in events] == ["api_key.created", "api_key.revoked"]
    assert {event.actor_id for event in events} == {user.id}
    assert {str(event.target_id) for event in events} == {created["id"]}
    assert events[0].details == {"name": "Nightly backup", "scopes": ["read"]}


async def test_key_is_not_logged_or_documented(
    service: Service, caller: AsyncClient, read_log: Callable[[], str]
) -> None:
    key = (await create(caller))["key"]
    await status_of(service, key)

    assert key[3:] not in read_log()
    assert not re.search(r"ak_[A-Za-z0-9_-]{43}", str(service.app.openapi()))
