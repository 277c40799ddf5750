import asyncio
from typing import Any

import pytest
from httpx import AsyncClient
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.roles import MemberRole
from app.models import Organization, User
from tests.support.factories import (
    add_member,
    make_invitation,
    make_member,
    make_organization,
    make_user,
)
from tests.support.service import Service, assert_problem

URL = "/api/v1/organizations/"
ACME: dict[str, Any] = {"name": "Acme Ltd", "slug": "acme"}
INVALID_NAMES = [None, "x", "x" * 256, "Ac\u0000me", "Ac\nme", "Ac\u2028me", ["Acme"]]
RESERVED_SLUGS = ["me", "new", "admin", "invitations", "localhost", "settings"]
BAD_SLUGS = [None, "a", "x" * 101, "---", "-acme", "acme-", "ac--me", "Acme", "ac me", "ac/me"]
INVALID_SLUGS = [*BAD_SLUGS, "äcme", "acme\n", *RESERVED_SLUGS]


async def test_creator_owns_the_organization(client: AsyncClient, owner: User) -> None:
    response = await client.post(URL, json=ACME)

    assert response.status_code == 201
    organization = response.json()
    assert organization["name"] == "Acme Ltd"
    assert organization["slug"] == "acme"
    assert organization["owner_id"] == str(owner.id)
    assert organization["member_count"] == 1
    assert organization["role"] == "owner"
    assert (await client.get(f"{URL}acme")).json() == organization


@pytest.mark.parametrize("name", ["Ac", "x" * 255])
@pytest.mark.parametrize("slug", ["a1", "42", "acme-2-b", "x" * 100])
async def test_valid_organization_is_accepted(name: str, slug: str, client: AsyncClient) -> None:
    assert (await client.post(URL, json={"name": name, "slug": slug})).status_code == 201


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"name": "Acme"},
        ACME | {"owner_id": "00000000-0000-4000-8000-000000000000"},
        *(ACME | {"name": name} for name in INVALID_NAMES),
        *(ACME | {"slug": slug} for slug in INVALID_SLUGS),
    ],
)
async def test_invalid_organization_gets_422(body: object, client: AsyncClient) -> None:
    assert (await client.post(URL, json=body)).status_code == 422
    assert (await client.get(URL)).json()["total"] == 0


async def test_slug_is_unique(
    service: Service, session: AsyncSession, organization: Organization
) -> None:
    somebody = await service.sign_in(await make_user(session))

    assert_problem(await somebody.post(URL, json=ACME), 409, "Slug already taken")


async def test_concurrent_creates_give_the_slug_once(committed_service: Service) -> None:
    users = [await committed_service.make(make_user) for _ in range(2)]
    clients = [await committed_service.sign_in(user) for user in users]

    answers = await asyncio.gather(*(client.post(URL, json=ACME) for client in clients))

    assert sorted(answer.status_code for answer in answers) == [201, 409]


async def test_own_organizations_are_listed_newest_first(
    client: AsyncClient, session: AsyncSession, owner: User
) -> None:
    stranger = await make_user(session)
    for slug in ("first", "second", "third"):
        await make_organization(session, owner, slug=slug)
    other = await make_organization(session, stranger, slug="other")
    await make_organization(session, stranger)
    await add_member(session, other, owner, MemberRole.VIEWER)

    first = (await client.get(URL, params={"limit": 3})).json()
    second = (await client.get(URL, params={"limit": 3, "page": 2})).json()

    assert [row["slug"] for row in first["data"]] == ["other", "third", "second"]
    assert [row["slug"] for row in second["data"]] == ["first"]
    assert (first["total"], first["total_pages"], first["has_more"]) == (4, 2, True)
    assert first["data"][0]["role"] == "viewer"
    assert first["data"][0]["owner_id"] == str(stranger.id)
    assert [row["member_count"] for row in first["data"]] == [2, 1, 1]


async def test_member_reads_their_own_role(
    service: Service, session: AsyncSession, organization: Organization
) -> None:
    viewer = await service.sign_in(await make_member(session, organization, MemberRole.VIEWER))

    answer = (await viewer.get(f"{URL}acme")).json()

    assert answer["role"] == "viewer"
    assert answer["member_count"] == 2


async def test_admin_renames_the_organization(
    service: Service, session: AsyncSession, organization: Organization
) -> None:
    admin = await service.sign_in(await make_member(session, organization, MemberRole.ADMIN))

    response = await admin.patch(f"{URL}acme", json={"name": "Acme Inc"})

    assert response.status_code == 200
    assert response.json()["name"] == "Acme Inc"
    assert response.json()["updated_at"] > response.json()["created_at"]
    assert (await admin.get(f"{URL}acme")).json() == response.json()


@pytest.mark.usefixtures("organization")
async def test_empty_change_changes_nothing(client: AsyncClient) -> None:
    before = (await client.get(f"{URL}acme")).json()

    response = await client.patch(f"{URL}acme", json={})

    assert response.status_code == 200
    assert response.json() == before


@pytest.mark.parametrize(
    "body", [{"name": None}, {"name": " "}, {"name": "Ac\u007fme"}, {"slug": "acme-2"}, []]
)
@pytest.mark.usefixtures("organization")
async def test_invalid_change_gets_422(body: object, client: AsyncClient) -> None:
    assert (await client.patch(f"{URL}acme", json=body)).status_code == 422
    assert (await client.get(f"{URL}acme")).json()["name"] == "Acme Ltd"


async def test_deleted_organization_is_gone_for_its_members(
    client: AsyncClient, session: AsyncSession, organization: Organization, owner: User
) -> None:
    invitation = f"/invitations/{(await make_invitation(session, organization, owner)).id}"

    assert (await client.delete(f"{URL}acme")).status_code == 204
    for path in ("", "/members", f"/members/{owner.id}", "/invitations", invitation):
        method = "DELETE" if path.count("/") == 2 else "GET"
        assert (await client.request(method, f"{URL}acme{path}")).status_code == 404
    assert (await client.get(URL)).json()["total"] == 0
    assert (await client.get("/api/v1/users/me")).json()["organizations"] == []


@pytest.mark.usefixtures("organization")
async def test_slug_of_a_deleted_organization_is_free(client: AsyncClient) -> None:
    await client.delete(f"{URL}acme")

    response = await client.post(URL, json=ACME)

    assert response.status_code == 201
    assert (await client.get(f"{URL}acme/invitations")).json()["total"] == 0
