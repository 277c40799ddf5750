import os
import shutil
from pathlib import Path

import pytest
from sqlalchemy import make_url, text

from app.core import paths
from tests.support.command_line import run, run_on
from tests.support.databases import Databases
from tests.support.factories import PASSWORD
from tests.support.service import Service


@pytest.fixture
async def own_url(databases: Databases, migrated: str) -> str:
    """A copy that is not lent again: these tests change its tables."""
    return await databases.copy(migrated)


async def test_migrations_go_down_and_up_without_drift(committed_service: Service) -> None:
    for step in (("downgrade", "base"), ("upgrade",), ("history",), ("check",)):
        result = await run_on(committed_service, "db", *step)
        assert result.exit_code == 0, result.output
    assert "(head)" in (await run_on(committed_service, "db", "current")).output


async def test_empty_database_asks_to_be_migrated(committed_service: Service) -> None:
    await run_on(committed_service, "db", "downgrade", "base")
    assert "run `db upgrade`" in (await run_on(committed_service, "db", "current")).output
    for command in (("db", "check"), ("create-admin", "ada@example.com")):
        result = await run_on(committed_service, *command, ADMIN_PASSWORD=PASSWORD)
        assert result.exit_code == 1
        assert "Traceback" not in result.output


async def test_check_names_the_differences(committed_service: Service) -> None:
    async with committed_service.database.write.begin() as session:
        await session.execute(text("ALTER TABLE users ADD COLUMN colour VARCHAR(9)"))
        await session.execute(text("CREATE TABLE forgotten (id INTEGER PRIMARY KEY)"))
    result = await run_on(committed_service, "db", "check")
    assert result.exit_code == 1
    assert "remove table forgotten" in result.output
    assert "remove column users.colour" in result.output


@pytest.mark.parametrize("options", [(), ("--empty",)])
async def test_revision_writes_a_file(
    committed_service: Service,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    options: tuple[str, ...],
) -> None:
    versions = tmp_path / "migrations" / "versions"
    shutil.copytree(paths.ROOT / "migrations", versions.parent)
    shutil.copy(paths.ROOT / "pyproject.toml", tmp_path)
    monkeypatch.setattr(paths, "ROOT", tmp_path)
    result = await run_on(committed_service, "db", "revision", "-m", "add colours", *options)
    assert result.exit_code == 0, result.output
    assert "add_colours.py" in result.output
    assert any(name.endswith("add_colours.py") for name in os.listdir(versions))


@pytest.mark.parametrize("arguments", [("db", "current"), ("create-admin", "ada@example.com")])
async def test_unusable_database_is_one_sentence(
    committed_service: Service, tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    file = tmp_path / "text.db"
    file.write_text("This is not a database, and no server knows one of this name.")
    url = make_url(committed_service.settings.DATABASE_URL).set(database=str(file))
    unusable = url.render_as_string(hide_password=False)
    result = await run(*arguments, DATABASE_URL=unusable, ADMIN_PASSWORD=PASSWORD)
    assert result.exit_code == 1
    assert "The database" in result.output
    assert "Traceback" not in result.output
    assert unusable not in result.output


async def test_deployed_downgrade_needs_confirmation(committed_service: Service) -> None:
    deployed = {"ENVIRONMENT": "production", "ALLOWED_HOSTS": "example.com"}
    rejected = await run_on(committed_service, "db", "downgrade", "base", **deployed)
    assert rejected.exit_code == 1
    assert "--yes" in rejected.output
    done = await run_on(committed_service, "db", "downgrade", "base", "--yes", **deployed)
    assert done.exit_code == 0, done.output
