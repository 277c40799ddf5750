from httpx import AsyncClient
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.roles import MemberRole
from tests.factories import make_member, make_organization, make_project, make_user
from tests.service import Service


async def test_a_member_creates_a_project(service: Service, session: AsyncSession) -> None:
    organization = await make_organization(session, await make_user(session))
    member = await service.sign_in(await make_member(session, organization))

    response = await member.post(
        f"/api/v1/organizations/{organization.slug}/projects/",
        json={"name": "Apollo", "slug": "apollo", "description": "To the moon"},
    )

    assert response.status_code == 201
    assert response.json()["name"] == "Apollo"
    assert response.json()["archived_at"] is None


async def test_a_viewer_reads_but_does_not_write(service: Service, session: AsyncSession) -> None:
    organization = await make_organization(session, await make_user(session))
    project = await make_project(session, organization)
    viewer = await service.sign_in(await make_member(session, organization, MemberRole.VIEWER))
    url = f"/api/v1/organizations/{organization.slug}/projects"

    assert (await viewer.get(f"{url}/")).json()["total"] == 1
    assert (await viewer.get(f"{url}/{project.id}")).status_code == 200
    assert (await viewer.post(f"{url}/", json={"name": "X", "slug": "x"})).status_code == 403
