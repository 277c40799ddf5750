"""A repeated request with an `Idempotency-Key` runs once and gets the same response."""

import pytest
from httpx import AsyncClient, Response
from sqlalchemy import delete, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.clock import utc_now
from app.core.roles import MemberRole
from app.models import IdempotencyKey, Membership, User
from tests.support.factories import PASSWORD, make_api_key, make_organization, make_user
from tests.support.mailbox import Outbox
from tests.support.service import Service, assert_problem

ORGANIZATIONS = "/api/v1/organizations/"
REGISTER = "/api/v1/auth/register"
ACME = {"name": "Acme", "slug": "acme"}
ADA = {"email": "ada@example.com", "name": "Ada", "password": PASSWORD}
KEY = {"Idempotency-Key": "5f0c9c9a-3c1e-4f0e-9d5b-0b8f4f9a4c11"}


def was_replayed(response: Response) -> bool:
    return "Idempotent-Replayed" in response.headers


async def test_request_without_a_key_is_not_replayed(
    caller: AsyncClient, session: AsyncSession
) -> None:
    answers = [await caller.post(ORGANIZATIONS, json=ACME) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [201, 409]
    assert await session.scalar(select(func.count(IdempotencyKey.id))) == 0


@pytest.mark.parametrize("other", [ACME | {"name": "Other"}, ACME | {"slug": "other"}])
async def test_key_belongs_to_one_body(caller: AsyncClient, other: dict[str, str]) -> None:
    await caller.post(ORGANIZATIONS, json=ACME, headers=KEY)

    response = await caller.post(ORGANIZATIONS, json=other, headers=KEY)

    assert_problem(response, 422)
    sentence = "This Idempotency-Key belongs to another request; choose a new one"
    assert response.json()["detail"] == sentence


async def test_key_belongs_to_one_url(
    caller: AsyncClient, user: User, session: AsyncSession
) -> None:
    slugs = [(await make_organization(session, user)).slug for _ in range(2)]
    paths = [f"{ORGANIZATIONS}{slug}/members/" for slug in slugs]
    body = {"user_id": str((await make_user(session)).id)}

    first = await caller.post(paths[0], json=body, headers=KEY)
    elsewhere = await caller.post(paths[1], json=body, headers=KEY)
    same = await caller.post(paths[0].removesuffix("/"), json=body, headers=KEY)
    queried = await caller.post(f"{paths[0]}?other=1", json=body, headers=KEY)

    assert_problem(elsewhere, 422)
    assert_problem(queried, 422)
    assert was_replayed(same)
    assert same.json() == first.json()


async def test_failed_request_can_be_repeated_with_its_key(
    caller: AsyncClient, session: AsyncSession
) -> None:
    other = await make_organization(session, await make_user(session), slug="acme")
    refused = await caller.post(ORGANIZATIONS, json=ACME, headers=KEY)
    other.deleted_at = utc_now()
    await session.commit()

    response = await caller.post(ORGANIZATIONS, json=ACME, headers=KEY)

    assert_problem(refused, 409)
    assert response.status_code == 201
    assert not was_replayed(response)


async def test_keys_are_separate_for_each_user(
    service: Service, caller: AsyncClient, session: AsyncSession
) -> None:
    other = await service.sign_in(await make_user(session))
    assert (await caller.post(ORGANIZATIONS, json=ACME, headers=KEY)).status_code == 201
    assert_problem(await other.post(ORGANIZATIONS, json=ACME, headers=KEY), 409)


async def test_key_belongs_to_the_user_for_every_credential(
    service: Service, caller: AsyncClient, user: User, session: AsyncSession
) -> None:
    _, api_key = await make_api_key(session, user)
    first = await caller.post(ORGANIZATIONS, json=ACME, headers=KEY)

    second = await service.client(api_key).post(ORGANIZATIONS, json=ACME, headers=KEY)

    assert was_replayed(second)
    assert second.json() == first.json()


@pytest.mark.parametrize(("role", "status"), [(None, 404), (MemberRole.VIEWER, 403)])
async def test_lost_right_gets_no_replay(
    caller: AsyncClient, user: User, session: AsyncSession, role: MemberRole | None, status: int
) -> None:
    organization = await make_organization(session, user)
    path = f"{ORGANIZATIONS}{organization.slug}/members/"
    body = {"user_id": str((await make_user(session)).id)}
    first = await caller.post(path, json=body, headers=KEY)
    mine = Membership.user_id == user.id
    if role:
        (await session.scalars(select(Membership).where(mine))).one().role = role
    else:
        await session.execute(delete(Membership).where(mine))
    await session.commit()

    assert first.status_code == 201
    assert_problem(await caller.post(path, json=body, headers=KEY), status)


async def test_logged_out_caller_gets_no_replay(caller: AsyncClient) -> None:
    await caller.post(ORGANIZATIONS, json=ACME, headers=KEY)
    await caller.post("/api/v1/auth/logout")

    assert_problem(await caller.post(ORGANIZATIONS, json=ACME, headers=KEY), 401)


async def test_replay_sends_no_mail(client: AsyncClient, outbox: Outbox) -> None:
    answers = [await client.post(REGISTER, json=ADA, headers=KEY) for _ in range(3)]

    assert [was_replayed(each) for each in answers] == [False, True, True]
    assert len(outbox) == 1


async def test_only_creates_use_the_key(caller: AsyncClient) -> None:
    names = [
        (await caller.patch("/api/v1/users/me", json={"name": name}, headers=KEY)).json()["name"]
        for name in ("Ada", "Grace")
    ]

    assert names == ["Ada", "Grace"]
