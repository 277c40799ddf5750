import asyncio
import json
import logging
import shutil
import socket
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest
import structlog
from sqlalchemy import make_url, text
from typer.testing import CliRunner, Result

from app.cli import declared, main
from app.cli.declared import ROOT
from app.cli.development import write_env_file
from app.cli.server import require_free
from app.core.roles import UserRole
from tests.service import Service

PASSWORD = "Correct-Horse-7!"
KEY = "only-the-tests-use-this-key-0123456789"

Run = Callable[..., Awaitable[Result]]


@pytest.fixture
def logs() -> Iterator[None]:
    """A command sets up logging for its process; here the process goes on without it."""
    handlers, level = logging.root.handlers, logging.root.level
    yield
    logging.root.handlers = handlers
    logging.root.setLevel(level)
    structlog.reset_defaults()


@pytest.fixture
def command(logs: None) -> Run:
    async def run(*arguments: str, **environment: str) -> Result:
        environment = {"ENVIRONMENT": "development", "SECRET_KEY": KEY} | environment
        return await asyncio.to_thread(CliRunner().invoke, main, arguments, env=environment)

    return run


@pytest.fixture
def run(command: Run, committed_service: Service) -> Run:
    """A command on the migrated database of `committed_service`."""

    async def run(*arguments: str, **environment: str) -> Result:
        url = committed_service.settings.DATABASE_URL
        return await command(*arguments, **{"DATABASE_URL": url} | environment)

    return run


async def login(service: Service, email: str, password: str) -> dict[str, str]:
    async with service.client() as client:
        body = {"email": email, "password": password}
        answer = await client.post("/api/v1/auth/login", json=body)
        answer.raise_for_status()
        user: dict[str, str] = answer.json()["user"]
        return user


@pytest.mark.parametrize(
    "arguments", [(), ("dev",), ("serve",), ("create-admin",), ("openapi",), ("db",)]
)
async def test_every_command_explains_itself(command: Run, arguments: tuple[str, ...]) -> None:
    result = await command(*arguments, "--help")
    assert result.exit_code == 0
    assert "Usage" in result.output


async def test_a_new_admin_can_log_in(run: Run, committed_service: Service) -> None:
    result = await run("create-admin", "ada@example.com", ADMIN_PASSWORD=PASSWORD)
    assert result.exit_code == 0, result.output
    user = await login(committed_service, "ada@example.com", PASSWORD)
    assert user["role"] == UserRole.ADMIN


async def test_the_password_of_a_new_admin_is_asked_for_twice(
    command: Run, committed_service: Service
) -> None:
    result = await asyncio.to_thread(
        CliRunner().invoke,
        main,
        ["create-admin", "ada@example.com", "--name", "Ada"],
        input=f"{PASSWORD}\n{PASSWORD}\n",
        env={"DATABASE_URL": committed_service.settings.DATABASE_URL, "SECRET_KEY": KEY},
    )
    assert result.exit_code == 0, result.output
    assert PASSWORD not in result.output
    user = await login(committed_service, "ada@example.com", PASSWORD)
    assert user["name"] == "Ada"


async def test_a_registered_user_becomes_admin_only_on_request(
    run: Run, committed_service: Service
) -> None:
    registration = {"email": "ada@example.com", "name": "Ada", "password": PASSWORD}
    async with committed_service.client() as client:
        answer = await client.post("/api/v1/auth/register", json=registration)
    assert answer.status_code == 201

    refused = await run("create-admin", "ada@example.com", ADMIN_PASSWORD="Other-Horse-8!")
    assert refused.exit_code == 1
    assert "--promote" in refused.output

    promoted = await run("create-admin", "ada@example.com", "--promote")
    assert promoted.exit_code == 0, promoted.output
    user = await login(committed_service, "ada@example.com", PASSWORD)
    assert user["role"] == UserRole.ADMIN


async def test_nobody_cannot_be_promoted(run: Run) -> None:
    result = await run("create-admin", "nobody@example.com", "--promote")
    assert result.exit_code == 1
    assert "Nobody is registered as nobody@example.com" in result.output


@pytest.mark.parametrize(
    ("email", "password"), [("ada@example.com", "correct-horse-7!"), ("ada", PASSWORD)]
)
async def test_an_admin_meets_the_same_rules_as_others(run: Run, email: str, password: str) -> None:
    result = await run("create-admin", email, ADMIN_PASSWORD=password)
    assert result.exit_code == 1
    assert password not in result.output


async def test_migrations_go_down_and_up_and_leave_no_drift(run: Run) -> None:
    for step in (("downgrade", "base"), ("upgrade",), ("history",), ("check",)):
        result = await run("db", *step)
        assert result.exit_code == 0, result.output
    assert "(head)" in (await run("db", "current")).output


async def test_an_empty_database_is_told_to_be_migrated(run: Run) -> None:
    await run("db", "downgrade", "base")
    assert "run `db upgrade`" in (await run("db", "current")).output
    for command in (("db", "check"), ("create-admin", "ada@example.com")):
        result = await run(*command, ADMIN_PASSWORD=PASSWORD)
        assert result.exit_code == 1
        assert "Traceback" not in result.output


async def test_check_names_what_differs(run: Run, committed_service: Service) -> None:
    async with committed_service.database.write.begin() as session:
        await session.execute(text("ALTER TABLE projects ADD COLUMN colour VARCHAR(9)"))
        await session.execute(text("CREATE TABLE forgotten (id INTEGER PRIMARY KEY)"))
    result = await run("db", "check")
    assert result.exit_code == 1
    assert "remove table forgotten" in result.output
    assert "remove column projects.colour" in result.output


@pytest.mark.parametrize("options", [(), ("--empty",)])
async def test_a_revision_is_a_new_file(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: tuple[str, ...]
) -> None:
    shutil.copytree(ROOT / "migrations", tmp_path / "migrations")
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    monkeypatch.setattr(declared, "ROOT", tmp_path)
    result = await run("db", "revision", "-m", "add colours", *options)
    assert result.exit_code == 0, result.output
    assert len(list(tmp_path.glob("migrations/versions/*add_colours.py"))) == 1


@pytest.mark.parametrize("command", [("db", "current"), ("create-admin", "ada@example.com")])
async def test_a_database_out_of_reach_is_one_sentence(
    run: Run, committed_service: Service, command: tuple[str, ...]
) -> None:
    url = make_url(committed_service.settings.DATABASE_URL).set(database="/nowhere/at.all")
    reachable_by_nobody = url.render_as_string(hide_password=False)
    result = await run(*command, DATABASE_URL=reachable_by_nobody, ADMIN_PASSWORD=PASSWORD)
    assert result.exit_code == 1
    assert "The database" in result.output
    assert "Traceback" not in result.output
    assert reachable_by_nobody not in result.output


async def test_an_unknown_revision_is_one_sentence(run: Run) -> None:
    result = await run("db", "upgrade", "nonsense")
    assert result.exit_code == 1
    assert "nonsense" in result.output
    assert "Traceback" not in result.output


async def test_a_deployed_database_is_not_downgraded_by_accident(run: Run) -> None:
    deployed = {"ENVIRONMENT": "production", "ALLOWED_HOSTS": "example.com"}
    refused = await run("db", "downgrade", "base", **deployed)
    assert refused.exit_code == 1
    assert "--yes" in refused.output
    done = await run("db", "downgrade", "base", "--yes", **deployed)
    assert done.exit_code == 0, done.output


async def test_a_deployed_service_needs_a_database_of_its_own(command: Run) -> None:
    result = await command("db", "upgrade", ENVIRONMENT="production", DATABASE_URL="")
    assert result.exit_code == 1
    assert "DATABASE_URL" in result.output


async def test_the_openapi_document_needs_no_settings(command: Run, tmp_path: Path) -> None:
    shown = await command("openapi", ENVIRONMENT="production", DATABASE_URL="", SECRET_KEY="")
    assert "/api/v1/auth/login" in json.loads(shown.stdout)["paths"]
    file = tmp_path / "openapi.json"
    assert (await command("openapi", "--output", str(file))).exit_code == 0
    assert json.loads(file.read_text()) == json.loads(shown.stdout)


async def test_the_openapi_document_cannot_go_where_there_is_no_folder(command: Run) -> None:
    result = await command("openapi", "--output", "/nowhere/openapi.json")
    assert result.exit_code == 1
    assert "Cannot write /nowhere/openapi.json" in result.output


async def test_dev_is_not_for_deployment(command: Run) -> None:
    result = await command("dev", ENVIRONMENT="production")
    assert result.exit_code == 1
    assert "use `serve`" in result.output


@pytest.mark.parametrize("name", ["dev", "serve"])
async def test_a_port_in_use_is_one_sentence(run: Run, name: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        result = await run(name, "--host", "127.0.0.1", "--port", port)
    assert result.exit_code == 1
    assert f"port {port}: Address already in use" in result.output


def test_a_free_port_is_left_free() -> None:
    require_free("127.0.0.1", 0)
    require_free("::1", 0)


async def test_serve_refuses_wrong_settings_before_it_starts(run: Run) -> None:
    result = await run("serve", WORKERS="many")
    assert result.exit_code == 1
    assert "WORKERS" in result.output


def test_the_env_file_holds_a_new_key_for_its_owner_only(tmp_path: Path) -> None:
    files = [tmp_path / name for name in ("one", "two")]
    for file in files:
        write_env_file(file)
    assert [file.stat().st_mode & 0o777 for file in files] == [0o600, 0o600]
    assert files[0].read_text() != files[1].read_text()


def test_an_existing_env_file_is_never_changed(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text("DEBUG=true\n")
    write_env_file(file)
    assert file.read_text() == "DEBUG=true\n"


def test_commands_work_in_the_folder_of_the_project() -> None:
    assert (ROOT / "pyproject.toml").is_file()
