from collections.abc import Awaitable, Callable
from datetime import timedelta
from uuid import uuid4

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from app.api.deps import DB
from app.core.clock import utc_now
from app.db.conflicts import UNKNOWN, conflict_sentence
from app.models import IdempotencyKey, Login, RefreshToken
from tests.support.factories import (
    HASHED_PASSWORD,
    add_member,
    make_invitation,
    make_organization,
    make_user,
    new_user,
)
from tests.support.service import Service, add_route, assert_problem


async def same_email(session: AsyncSession) -> None:
    await make_user(session, email="ada@example.com")
    await make_user(session, email="ADA@example.com")


async def same_slug(session: AsyncSession) -> None:
    owner = await make_user(session)
    await make_organization(session, owner, slug="acme")
    await make_organization(session, owner, slug="acme")


async def same_member(session: AsyncSession) -> None:
    owner = await make_user(session)
    await add_member(session, await make_organization(session, owner), owner)


async def same_invitation(session: AsyncSession) -> None:
    owner = await make_user(session)
    organization = await make_organization(session, owner)
    await make_invitation(session, organization, owner, email="ada@example.com")
    await make_invitation(session, organization, owner, email="ADA@example.com")


async def same_token(session: AsyncSession) -> None:
    tomorrow = utc_now() + timedelta(days=1)
    login = Login(user=await make_user(session), expires_at=tomorrow)
    for _ in range(2):
        session.add(RefreshToken(login=login, token_hash="0" * 64, expires_at=tomorrow))
    await session.commit()


async def same_key(session: AsyncSession) -> None:
    for _ in range(2):
        row = {"fingerprint": "", "status": 201, "body": b"", "expires_at": utc_now()}
        session.add(IdempotencyKey(caller="", key="my-key", **row))
    await session.commit()


@pytest.mark.parametrize(
    ("collide", "sentence"),
    [
        (same_email, "Email already registered"),
        (same_slug, "Slug already taken"),
        (same_member, "The user is already a member"),
        (same_invitation, "There is already an open invitation for this email"),
        (same_key, "A request with this Idempotency-Key is already in progress"),
        (same_token, UNKNOWN),
    ],
)
async def test_constraint_has_its_own_sentence(
    session: AsyncSession, collide: Callable[[AsyncSession], Awaitable[None]], sentence: str
) -> None:
    with pytest.raises(IntegrityError) as caught:
        await collide(session)

    assert conflict_sentence(caught.value) == sentence


async def test_missing_reference_gets_409(committed_service: Service) -> None:
    async def refer_to_nothing(db: DB) -> None:
        db.add(RefreshToken(session_id=uuid4(), token_hash="0" * 64, expires_at=utc_now()))
        await db.flush()

    response = await committed_service.client().post(add_route(committed_service, refer_to_nothing))

    assert_problem(response, 409, UNKNOWN)


async def test_invalid_row_gets_500_without_its_values(
    committed_service: Service, read_log: Callable[[], str]
) -> None:
    async def forget_the_name(db: DB) -> None:
        db.add(new_user(email="ada@example.com", name=None))
        await db.flush()

    response = await committed_service.client().post(add_route(committed_service, forget_the_name))

    assert response.status_code == 500
    assert response.headers["Content-Type"] == "application/problem+json"
    log = read_log()
    assert "IntegrityError" in log
    assert "ada@example.com" not in log
    assert HASHED_PASSWORD not in log


async def test_wrong_statement_gets_500_without_its_values(
    committed_service: Service, read_log: Callable[[], str]
) -> None:
    async def ask_nonsense(db: DB) -> None:
        await db.execute(text("SELECT :hash FROM nowhere"), {"hash": HASHED_PASSWORD})

    response = await committed_service.client().post(add_route(committed_service, ask_nonsense))

    assert response.status_code == 500
    assert response.json()["detail"] == "Something went wrong on our side"
    log = read_log()
    assert "nowhere" in log
    assert HASHED_PASSWORD not in log
