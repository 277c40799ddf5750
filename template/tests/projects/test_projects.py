import asyncio

import pytest
from httpx import AsyncClient
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.clock import utc_now
from app.core.roles import MemberRole
from app.models import Organization, Project
from tests.support.factories import (
    make_member,
    make_organization,
    make_owner,
    make_project,
    make_user,
)
from tests.support.members import NewMember
from tests.support.service import Service, assert_problem

URL = "/api/v1/organizations/acme/projects"
APOLLO: dict[str, object] = {"name": "Apollo"}
INVALID_SLUGS = ["a", "---", "-apollo", "Apollo", "apollo\n", "x" * 101]


async def test_member_creates_a_project(new_member: NewMember, organization: Organization) -> None:
    author = await new_member(MemberRole.MEMBER)
    body = {"name": "Apollo", "slug": "apollo", "description": "To the moon"}

    response = await author.client.post(f"{URL}/", json=body)

    assert response.status_code == 201
    project = response.json()
    assert project == project | body
    assert project["organization_id"] == str(organization.id)
    assert project["created_by"] == str(author.user.id)
    assert project["archived_at"] is None
    assert (await author.client.get(f"{URL}/{project['id']}")).json() == project


@pytest.mark.parametrize(
    ("name", "slug"),
    [
        ("Apollo 11", "apollo-11"),
        ("  Été à l'Élysée!  ", "ete-a-l-elysee"),
        ("\N{LATIN SMALL LIGATURE FI}ne", "fine"),
        ("x" * 100, "x" * 100),
    ],
)
async def test_slug_is_made_from_the_name(name: str, slug: str, member: AsyncClient) -> None:
    response = await member.post(f"{URL}/", json={"name": name})

    assert response.status_code == 201
    assert response.json()["slug"] == slug


@pytest.mark.parametrize("name", ["Проект", "!?", "é!", "\N{LATIN SMALL LIGATURE FFI}" * 100])
async def test_name_without_latin_letters_needs_a_slug(name: str, member: AsyncClient) -> None:
    refused = await member.post(f"{URL}/", json={"name": name})
    accepted = await member.post(f"{URL}/", json={"name": name, "slug": "given"})

    assert refused.status_code == 422
    assert "No slug can be made from this name; provide one" in refused.json()["detail"]
    assert accepted.status_code == 201


@pytest.mark.parametrize("body", [{"name": "Apollo"}, {"name": "Another", "slug": "apollo"}])
async def test_slug_is_unique_in_the_organization(
    body: dict[str, str], member: AsyncClient, session: AsyncSession, organization: Organization
) -> None:
    await make_project(session, organization, slug="apollo")

    response = await member.post(f"{URL}/", json=body)

    assert_problem(response, 409, "The organization already has a project with this slug")


async def test_other_organization_may_use_slug(member: AsyncClient, session: AsyncSession) -> None:
    other = await make_organization(session, await make_user(session))
    await make_project(session, other, slug="apollo")

    assert (await member.post(f"{URL}/", json={"name": "Apollo"})).status_code == 201


@pytest.mark.parametrize(
    "body",
    [
        {},
        [],
        *({"name": name} for name in (None, "  x  ", "x" * 101, "Apo\u0000llo", "Apo\nllo", 11)),
        *(APOLLO | {"slug": slug} for slug in INVALID_SLUGS),
        *(APOLLO | {"description": text} for text in (None, "x" * 2001, "\u0000")),
        APOLLO | {"created_by": "somebody"},
    ],
)
async def test_invalid_project_gets_422(body: object, member: AsyncClient) -> None:
    assert (await member.post(f"{URL}/", json=body)).status_code == 422
    assert (await member.get(f"{URL}/")).json()["total"] == 0


async def test_projects_are_listed_newest_first(
    member: AsyncClient, session: AsyncSession, organization: Organization
) -> None:
    for name in ("First", "Second", "Third"):
        await make_project(session, organization, name=name)
    await make_project(session, await make_organization(session, await make_user(session)))

    first = (await member.get(f"{URL}/?limit=2")).json()
    second = (await member.get(f"{URL}/?limit=2&page=2")).json()

    assert [project["name"] for project in first["data"]] == ["Third", "Second"]
    assert [project["name"] for project in second["data"]] == ["First"]
    assert (first["total"], first["total_pages"], first["has_more"]) == (3, 2, True)
    assert second["has_more"] is False


async def test_pages_are_stable_for_equal_times(
    member: AsyncClient, session: AsyncSession, organization: Organization
) -> None:
    now = utc_now()
    rows = [await make_project(session, organization, created_at=now) for _ in range(7)]

    pages = [(await member.get(f"{URL}/?limit=3&page={page}")).json() for page in (1, 2, 3)]

    by_id = sorted(rows, key=lambda row: row.id, reverse=True)
    assert [row["id"] for page in pages for row in page["data"]] == [str(row.id) for row in by_id]


@pytest.mark.parametrize(
    ("query", "names"),
    [("", ["Old", "New"]), ("?archived=true", ["Old"]), ("?archived=false", ["New"])],
)
async def test_list_filters_archived_projects(
    query: str,
    names: list[str],
    member: AsyncClient,
    session: AsyncSession,
    organization: Organization,
) -> None:
    await make_project(session, organization, name="New")
    await make_project(session, organization, name="Old", archived_at=utc_now())

    page = (await member.get(f"{URL}/{query}")).json()

    assert [project["name"] for project in page["data"]] == names
    assert page["total"] == len(names)


async def test_unknown_project_is_not_found(member: AsyncClient) -> None:
    unknown = "00000000-0000-4000-8000-000000000000"

    assert (await member.get(f"{URL}/{unknown}")).status_code == 404
    assert (await member.patch(f"{URL}/{unknown}", json={})).status_code == 404
    assert (await member.get(f"{URL}/apollo")).status_code == 422


@pytest.fixture
async def project(session: AsyncSession, organization: Organization) -> Project:
    return await make_project(session, organization, name="Apollo", description="To the moon")


@pytest.fixture
def url(organization: Organization, project: Project) -> str:
    return f"/api/v1/organizations/{organization.slug}/projects/{project.id}"


async def test_change_leaves_the_other_fields_alone(member: AsyncClient, url: str) -> None:
    before = (await member.get(url)).json()

    response = await member.patch(url, json={"description": ""})

    assert response.status_code == 200
    after = response.json()
    assert after["updated_at"] > before["updated_at"]
    assert after == before | {"description": "", "updated_at": after["updated_at"]}
    assert (await member.get(url)).json() == after


async def test_empty_change_changes_nothing(member: AsyncClient, url: str) -> None:
    before = (await member.get(url)).json()

    response = await member.patch(url, json={})

    assert response.status_code == 200
    assert response.json() == before


@pytest.mark.parametrize(
    "body",
    [
        *({"name": name} for name in (None, "x", "x" * 101, "Apo\u0000llo")),
        *({"archived": value} for value in (None, "perhaps", 1)),
        {"description": "\u001b[31m"},
        {"archived_at": "2026-01-01T00:00:00Z"},
        {"slug": "gemini"},
        {"organization_id": "00000000-0000-4000-8000-000000000000"},
    ],
)
async def test_invalid_change_gets_422(body: object, member: AsyncClient, url: str) -> None:
    before = (await member.get(url)).json()

    assert (await member.patch(url, json=body)).status_code == 422
    assert (await member.get(url)).json() == before


async def test_archiving_twice_keeps_the_first_date(member: AsyncClient, url: str) -> None:
    first = await member.patch(url, json={"archived": True})
    second = await member.patch(url, json={"archived": True})

    assert first.json()["archived_at"] is not None
    assert second.json()["archived_at"] == first.json()["archived_at"]


async def test_archived_project_can_be_restored(member: AsyncClient, url: str) -> None:
    await member.patch(url, json={"archived": True})

    response = await member.patch(url, json={"archived": False})

    assert response.json()["archived_at"] is None


async def test_deletion_frees_the_slug(new_member: NewMember, project: Project, url: str) -> None:
    admin = (await new_member(MemberRole.ADMIN)).client

    assert (await admin.delete(url)).status_code == 204
    assert (await admin.get(url)).status_code == 404
    again = {"name": "Again", "slug": project.slug}
    assert (await admin.post(url.rsplit("/", 1)[0], json=again)).status_code == 201


async def test_project_outlives_its_author(
    session: AsyncSession, organization: Organization, member: AsyncClient
) -> None:
    author = await make_member(session, organization)
    project = await make_project(session, organization, created_by=author.id)
    author.deleted_at = project.created_at
    await session.commit()

    response = await member.get(f"/api/v1/organizations/{organization.slug}/projects/{project.id}")

    assert response.json()["created_by"] == str(author.id)


async def test_project_is_created_and_deleted_once(committed_service: Service) -> None:
    owner = await committed_service.sign_in(await committed_service.make(make_owner))
    url = "/api/v1/organizations/acme/projects"

    created = await asyncio.gather(*(owner.post(url, json={"name": "Apollo"}) for _ in range(2)))
    [project] = (await owner.get(url)).json()["data"]
    deleted = await asyncio.gather(*(owner.delete(f"{url}/{project['id']}") for _ in range(2)))

    assert sorted(answer.status_code for answer in created) == [201, 409]
    assert sorted(answer.status_code for answer in deleted) == [204, 404]
