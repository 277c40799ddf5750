from httpx import AsyncClient
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from app.main import create_app
from tests.conftest import settings_for
from tests.service import Service, running


async def test_liveness_is_a_constant(client: AsyncClient) -> None:
    response = await client.get("/health")

    assert response.status_code == 200
    assert response.json() == {"status": "healthy"}


async def test_readiness_asks_the_database(client: AsyncClient) -> None:
    response = await client.get("/health/ready")

    assert response.status_code == 200


async def test_a_database_without_tables_is_not_ready(empty_url: str) -> None:
    async with running(create_app(settings_for(empty_url))) as service:
        client = service.client()

        assert (await client.get("/health")).status_code == 200
        response = await client.get("/health/ready")
        assert response.status_code == 503
        assert "migrated" in response.json()["detail"]


async def test_a_database_at_no_revision_is_not_ready(
    service: Service, session: AsyncSession
) -> None:
    await session.execute(text("DELETE FROM alembic_version"))
    await session.commit()

    response = await service.client().get("/health/ready")

    assert response.status_code == 503
    assert response.headers["Retry-After"] == "5"
