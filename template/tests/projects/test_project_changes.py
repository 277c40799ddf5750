"""Changing, archiving and deleting a project."""

import asyncio

import pytest
from httpx import AsyncClient
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.roles import MemberRole
from app.models import Organization, Project
from tests.support.factories import make_member, make_owner, make_project
from tests.support.members import NewMember
from tests.support.service import Service


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
