"""The format and lifetime of keys, and what is stored with them."""

from datetime import timedelta

import pytest
from fastapi.responses import JSONResponse
from httpx import AsyncClient, Response
from pydantic import SecretStr
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from structlog.processors import format_exc_info
from structlog.testing import capture_logs

from app.api.idempotency import PublicIdempotency
from app.core.clock import utc_now
from app.core.config import Settings
from app.core.errors import KeyReused
from app.models import IdempotencyKey
from app.services import idempotency
from app.services.idempotency import PURGED_AT_ONCE, KeyedRequest
from tests.support.clock import later
from tests.support.factories import PASSWORD
from tests.support.logins import ADA, REGISTER
from tests.support.service import Service, add_route, assert_problem

GRACE = ADA | {"email": "grace@example.com"}


async def register(client: AsyncClient, body: dict[str, str], key: str = "my-key") -> Response:
    return await client.post(REGISTER, json=body, headers={b"Idempotency-Key": key.encode()})


async def stored(session: AsyncSession) -> list[IdempotencyKey]:
    return list(await session.scalars(select(IdempotencyKey)))


def with_key(settings: Settings, key: str, *former: str) -> Settings:
    keys = {"SECRET_KEY": SecretStr(key), "SECRET_KEY_FALLBACKS": tuple(map(SecretStr, former))}
    return settings.model_copy(update=keys)


@pytest.mark.parametrize("key", ["", "two words", "tab\there", "é", "\x7f", "x" * 256])
async def test_invalid_key_gets_422(client: AsyncClient, key: str) -> None:
    response = await register(client, ADA, key)

    assert_problem(response, 422)
    sentence = "Idempotency-Key: Use 1 to 255 printable ASCII characters, without spaces"
    assert response.json()["detail"] == f"header.{sentence}"
    assert (await register(client, ADA)).status_code == 201


@pytest.mark.parametrize("key", ["!", "~" * 255, '"5f0c9c9a-3c1e-4f0e-9d5b-0b8f4f9a4c11"'])
async def test_valid_key_is_accepted(client: AsyncClient, key: str) -> None:
    answers = [await register(client, ADA, key) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [201, 201]


@pytest.mark.usefixtures("clock")
async def test_key_expires(client: AsyncClient, session: AsyncSession) -> None:
    first = await register(client, ADA)

    lifetime = idempotency.LIFETIME.total_seconds()
    with later(lifetime - 300):
        again = await register(client, ADA)
    with later(lifetime + 300):
        too_late = await register(client, ADA)
        another = await register(client, GRACE)

    assert again.json() == first.json()
    assert_problem(too_late, 409)
    assert another.json()["email"] == "grace@example.com"
    assert len(await stored(session)) == 1


async def test_new_key_purges_some_expired_ones(client: AsyncClient, session: AsyncSession) -> None:
    long_ago = utc_now() - timedelta(days=2)
    row = {"caller": "", "fingerprint": "", "status": 201, "body": b""}
    for number in range(PURGED_AT_ONCE + 2):
        expires_at = long_ago + timedelta(seconds=number)
        session.add(IdempotencyKey(key=f"key-{number}", expires_at=expires_at, **row))
    await session.commit()

    newest = f"key-{PURGED_AT_ONCE + 1}"
    assert (await register(client, ADA, newest)).status_code == 201
    assert {each.key for each in await stored(session)} == {f"key-{PURGED_AT_ONCE}", newest}


async def test_idempotent_route_needs_our_router(committed_service: Service) -> None:
    """Even a request without a key must show it."""

    async def create(idempotency: PublicIdempotency) -> None: ...

    committed_service.app.router.add_api_route("/create", create, methods=["POST"])
    with capture_logs(processors=[format_exc_info]) as events:
        response = await committed_service.client().post("/create")

    assert_problem(response, 500)
    assert "app.api.routing.Router" in str(events)


async def test_error_returned_by_a_route_is_not_stored(committed_service: Service) -> None:
    answers = iter([JSONResponse({}, 400), JSONResponse({})])

    async def refuse_at_first(idempotency: PublicIdempotency) -> JSONResponse:
        return next(answers)

    path = add_route(committed_service, refuse_at_first)
    async with committed_service.client() as client:
        statuses = [
            (await client.post(path, headers={"Idempotency-Key": "my-key"})).status_code
            for _ in range(3)
        ]

    assert statuses == [400, 200, 200]


async def test_password_is_not_stored(client: AsyncClient, session: AsyncSession) -> None:
    response = await register(client, ADA)

    [row] = await stored(session)
    assert row.body == response.content
    assert "password" not in response.text
    assert PASSWORD not in "".join(map(str, (row.key, row.fingerprint, row.caller)))


async def test_fingerprint_needs_the_secret_key(session: AsyncSession, settings: Settings) -> None:
    """Otherwise a reader of the table could try passwords against the fingerprint."""
    request = KeyedRequest(caller="", key="my-key", content=b"POST /register")
    await idempotency.store(session, with_key(settings, "old"), request, status=201, body=b"{}")

    assert await idempotency.find(session, with_key(settings, "new", "old"), request)
    with pytest.raises(KeyReused):
        await idempotency.find(session, with_key(settings, "new"), request)
