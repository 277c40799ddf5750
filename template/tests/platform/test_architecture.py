"""The rules that a new file breaks most easily, each with its reason."""

import ast
import asyncio
import os
import pkgutil
import sys
from pathlib import Path

import pytest
from sqlalchemy import ForeignKeyConstraint, Table, UniqueConstraint
from sqlalchemy.orm import configure_mappers

import app
from app import models
from app.db.base import Base
from tests.support.processes import modules_after

APP = Path(app.__file__).parent


async def test_layers_hold() -> None:
    """Run in a separate process: import-linter disables the loggers of its own."""
    lint = "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports())"

    process = await asyncio.create_subprocess_exec(sys.executable, "-c", lint)

    assert await process.wait() == 0


def test_every_model_is_imported_with_the_package() -> None:
    """Otherwise Alembic does not see its table."""
    tree = ast.parse(Path(models.__file__).read_text())
    imported = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}

    assert {f"app.models.{each.name}" for each in pkgutil.iter_modules(models.__path__)} <= imported


def test_no_relationship_is_loaded_implicitly() -> None:
    """A query per row is slow, and an error without `await`."""
    configure_mappers()
    accidental = [
        str(relationship)
        for mapper in Base.registry.mappers
        for relationship in mapper.relationships
        if relationship.lazy not in {"raise", "write_only"}
    ]

    assert accidental == []


def test_every_foreign_key_has_ondelete_and_an_index() -> None:
    """Without an index, a deletion scans the whole table that refers to the row."""
    careless = [
        str(key)
        for table in Base.metadata.tables.values()
        for key in table.foreign_key_constraints
        if not key.ondelete or not is_indexed(table, key)
    ]

    assert careless == []


def is_indexed(table: Table, key: ForeignKeyConstraint) -> bool:
    unique = [each for each in table.constraints if isinstance(each, UniqueConstraint)]
    lists = [
        table.primary_key.columns.keys(),
        *(each.columns.keys() for each in unique),
        *(each.columns.keys() for each in table.indexes),
    ]
    return any(columns[: len(key.column_keys)] == list(key.column_keys) for columns in lists)


def test_every_constraint_has_a_name() -> None:
    """Otherwise a migration cannot drop it."""
    nameless = [
        f"{table}: {each}"
        for table in Base.metadata.tables.values()
        for each in table.constraints
        if not each.name
    ]

    assert nameless == []


def test_services_leave_the_commit_to_the_request() -> None:
    """Otherwise a failed request could leave partial changes behind."""
    committing = {
        path.name for path in (APP / "services").glob("*.py") if ".commit()" in path.read_text()
    }

    assert committing <= {"logins.py"}  # reuse of a refresh token must end the session


async def test_importing_the_service_needs_no_settings(tmp_path: Path) -> None:
    """A module that reads settings before the service starts breaks tools."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", "import app.main, app.cli"),
        cwd=tmp_path,
        env=os.environ | {"ENVIRONMENT": "production", "PYTHONPATH": str(APP.parent)},
        stderr=asyncio.subprocess.PIPE,
    )
    _, errors = await process.communicate()

    assert process.returncode == 0, errors.decode()


@pytest.mark.parametrize(
    ("code", "unneeded"),
    [
        ("import app.main", {"alembic", "typer", "zxcvbn"}),
        (
            "from app.cli import main; main(['--help'], standalone_mode=False)",
            {"fastapi", "pydantic", "rich", "sqlalchemy", "uvicorn"},
        ),
    ],
)
async def test_start_imports_only_what_it_uses(code: str, unneeded: set[str]) -> None:
    """Each of these makes a start slower and a process larger."""
    assert await modules_after(code) & unneeded == set()
