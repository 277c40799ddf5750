import shutil
from pathlib import Path

import pytest
from alembic.script import ScriptDirectory
from httpx import AsyncClient
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.paths import ROOT
from app.db import migrations
from tests.conftest import settings_for
from tests.support.service import Service, running_with


async def test_liveness_is_a_constant(client: AsyncClient) -> None:
    response = await client.get("/health")

    assert response.status_code == 200
    assert response.json() == {"status": "healthy"}


async def test_readiness_needs_the_database(client: AsyncClient) -> None:
    assert (await client.get("/health/ready")).status_code == 200


async def test_database_without_tables_is_not_ready(empty_url: str) -> None:
    async with running_with(settings_for(empty_url)) as service:
        client = service.client()

        assert (await client.get("/health")).status_code == 200
        response = await client.get("/health/ready")
        assert response.status_code == 503
        assert "migrated" in response.json()["detail"]


async def test_database_without_revision_is_503(service: Service, session: AsyncSession) -> None:
    await session.execute(text("DELETE FROM alembic_version"))
    await session.commit()

    response = await service.client().get("/health/ready")

    assert response.status_code == 503
    assert response.headers["Retry-After"] == "5"


async def test_database_behind_the_code_is_not_ready(
    client: AsyncClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(ROOT / "migrations", tmp_path / "migrations")
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    (newest,) = ScriptDirectory(str(ROOT / "migrations")).get_heads()
    (tmp_path / "migrations" / "versions" / "next.py").write_text(
        f'"""The next release."""\n\nrevision = "next"\ndown_revision = "{newest}"\n'
    )
    assert (await client.get("/health/ready")).status_code == 200
    monkeypatch.setattr(migrations, "ROOT", tmp_path)

    response = await client.get("/health/ready")
    assert response.status_code == 503
    assert "migrated" in response.json()["detail"]


async def test_next_migration_keeps_service_ready(service: Service, session: AsyncSession) -> None:
    await session.execute(text("UPDATE alembic_version SET version_num = 'next'"))
    await session.commit()

    assert (await service.client().get("/health/ready")).status_code == 200
