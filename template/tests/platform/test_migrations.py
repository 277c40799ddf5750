import asyncio
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import pytest
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Enum, inspect

from app.cli.database import alembic_config
from app.core.config import Settings
from app.core.paths import ROOT
from app.db.base import Base
from app.db.dialect import create_engine
from tests.conftest import settings_for
from tests.support.processes import Forked, run_command
from tests.support.service import running_with
from tests.support.waiting import PATIENCE, patience

T = TypeVar("T")

NEW_MODELS = """
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from app.db.base import Base, Identified, Timestamped
from app.db.dialect import partial
from app.db.types import UtcDateTime, str_enum


class Colour(StrEnum):
    RED = "red"
    BLUE = "blue"


COLOUR = str_enum(Colour, "template_probe_colour")


class TemplateProbe(Identified, Timestamped, Base):
    __tablename__ = "template_probes"
    __table_args__ = (
        Index("uq_template_probes_number", "number", unique=True, **partial("paid_at IS NULL")),
    )

    number: Mapped[str] = mapped_column(String(20))
    paid_at: Mapped[datetime | None]
    colour: Mapped[Colour] = mapped_column(COLOUR)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"), index=True)


User.template_probe_colour = mapped_column(COLOUR, server_default="red")
User.template_probe_at = mapped_column(UtcDateTime, nullable=True)
"""

REVISE = """
from alembic import command

from app.cli.database import alembic_config
from app.core.config import load_settings

config = alembic_config(load_settings())
command.upgrade(config, "head")
command.revision(config, 'Add "template_probes" and colours', autogenerate=True)
command.upgrade(config, "head")
command.check(config)
command.downgrade(config, "base")
"""


@pytest.fixture
def config(empty_url: str) -> Config:
    return alembic_config(settings_for(empty_url))


async def look(settings: Settings, question: Callable[[Connection], T]) -> T:
    engine = create_engine(settings, pool_timeout=PATIENCE)
    try:
        async with engine.connect() as connection:
            return await connection.run_sync(question)
    finally:
        await engine.dispose()


async def test_migrations_go_up_down_and_up_without_drift(config: Config) -> None:
    settings = config.attributes["settings"]

    await asyncio.to_thread(command.upgrade, config, "head")
    await asyncio.to_thread(command.check, config)
    await asyncio.to_thread(command.downgrade, config, "base")

    tables = await look(settings, lambda connection: inspect(connection).get_table_names())
    assert tables == ["alembic_version"]
    await asyncio.to_thread(command.upgrade, config, "head")
    await asyncio.to_thread(command.check, config)


async def test_start_of_the_service_creates_no_table(empty_url: str) -> None:
    settings = settings_for(empty_url)

    async with running_with(settings):
        tables = await look(settings, lambda connection: inspect(connection).get_table_names())

    assert tables == []


async def test_concurrent_migrators_succeed(empty_url: str, tmp_path: Path) -> None:
    migrators = [
        Forked(tmp_path / "log", run_command, "db", "upgrade", DATABASE_URL=empty_url)
        for _ in range(3)
    ]
    await run(ROOT, empty_url, "-m", "alembic", "upgrade", "head")
    codes = [await migrator.wait() for migrator in migrators]

    assert codes == [0, 0, 0], (tmp_path / "log").read_text()
    await asyncio.to_thread(command.check, alembic_config(settings_for(empty_url)))


def test_migrations_have_one_head(config: Config) -> None:
    assert len(ScriptDirectory.from_config(config).get_heads()) == 1


def test_every_migration_has_a_docstring(config: Config) -> None:
    for migration in ScriptDirectory.from_config(config).walk_revisions():
        assert migration.module.__doc__, migration.path


async def test_database_accepts_every_enum_member(own_url: str) -> None:
    """The drift test does not notice a new enum member."""

    def unchecked(connection: Connection) -> list[str]:
        inspector = inspect(connection)
        return [
            f"{table.name}.{column.name}: {value}"
            for table in Base.metadata.sorted_tables
            for column in table.columns
            if isinstance(column.type, Enum)
            for value in column.type.enums
            if not any(
                column.name in check["sqltext"] and f"'{value}'" in check["sqltext"]
                for check in inspector.get_check_constraints(table.name)
            )
        ]

    assert await look(settings_for(own_url), unchecked) == []


async def test_new_revision_is_clean_and_reversible(empty_url: str, tmp_path: Path) -> None:
    for part in ("app", "migrations"):
        shutil.copytree(ROOT / part, tmp_path / part)
    shutil.copyfile(ROOT / "pyproject.toml", tmp_path / "pyproject.toml")
    with (tmp_path / "app/models/__init__.py").open("a") as models:
        models.write(NEW_MODELS)

    await run(tmp_path, empty_url, "-c", REVISE)

    await run(tmp_path, empty_url, "-m", "ruff", "check", "migrations")
    await run(tmp_path, empty_url, "-m", "ruff", "format", "--check", "migrations")


async def run(folder: Path, url: str, *arguments: str) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *arguments,
        cwd=folder,
        env=os.environ | {"DATABASE_URL": url},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    async with patience():
        output, _ = await process.communicate()
    assert process.returncode == 0, output.decode()
