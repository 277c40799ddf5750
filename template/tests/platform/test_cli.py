import json
import os
import shutil
import socket
from pathlib import Path

import pytest
from sqlalchemy import make_url, text

from app.cli.dev import write_env_file
from app.cli.serve import require_free
from app.core import paths
from app.core.roles import UserRole
from tests.support.databases import Databases
from tests.support.factories import PASSWORD
from tests.support.logins import ADA, REGISTER, try_login
from tests.support.processes import run, run_on
from tests.support.service import Service

COMMANDS = ["", "dev", "serve", "create-admin", "openapi", "db"]
MIGRATING = ["upgrade", "downgrade", "revision", "check", "current", "history"]
EMAIL = ADA["email"]


@pytest.mark.parametrize("command", [*COMMANDS, *(f"db {name}" for name in MIGRATING)])
async def test_every_command_has_help(command: str) -> None:
    result = await run(*command.split(), "--help")
    assert result.exit_code == 0
    assert "Usage" in result.output


@pytest.mark.parametrize(
    ("command", "environment", "sentence"),
    [
        ("openapi --output /nowhere/openapi.json", {}, "Cannot write /nowhere/openapi.json"),
        ("dev", {"ENVIRONMENT": "production"}, "use `serve`"),
        ("serve", {"WORKERS": "many"}, "WORKERS"),
        ("db upgrade", {"ENVIRONMENT": "production", "DATABASE_URL": ""}, "DATABASE_URL"),
        ("db upgrade nonsense", {}, "nonsense"),
        ("create-admin nobody@example.com --promote", {}, "No user is registered as nobody@"),
    ],
)
async def test_operators_errors_are_one_sentence(
    committed_service: Service, command: str, environment: dict[str, str], sentence: str
) -> None:
    result = await run_on(committed_service, *command.split(), **environment)
    assert result.exit_code == 1
    assert sentence in result.output
    assert "Traceback" not in result.output


@pytest.mark.parametrize("command", ["dev", "serve"])
async def test_port_in_use_is_one_sentence(committed_service: Service, command: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        result = await run_on(committed_service, command, "--host", "127.0.0.1", "--port", port)
    assert result.exit_code == 1
    assert f"port {port}: Address already in use" in result.output


@pytest.mark.parametrize("host", ["not a host", "..", "é..", "\udcff"])
def test_unknown_host_is_one_sentence(host: str) -> None:
    with pytest.raises(SystemExit, match=r"Cannot listen on .*: no such address\."):
        require_free(host, 8000)


def test_free_port_is_accepted() -> None:
    require_free("127.0.0.1", 0)
    require_free("::1", 0)


async def test_openapi_needs_no_settings(tmp_path: Path) -> None:
    shown = await run("openapi", ENVIRONMENT="production", DATABASE_URL="", SECRET_KEY="")
    assert "/api/v1/auth/login" in json.loads(shown.stdout)["paths"]
    file = tmp_path / "openapi.json"
    assert (await run("openapi", "--output", str(file))).exit_code == 0
    assert json.loads(file.read_text()) == json.loads(shown.stdout)


def test_env_file_has_a_new_key_and_is_private(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    for path in (one, two):
        write_env_file(path)
        assert path.stat().st_mode & 0o777 == 0o600
    assert one.read_text() != two.read_text()


def test_existing_env_file_is_kept(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text("DEBUG=true\n")
    write_env_file(file)
    assert file.read_text() == "DEBUG=true\n"


def test_unwritable_env_file_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match=r"Cannot write .*\.env: No such file or directory\."):
        write_env_file(tmp_path / "gone" / ".env")


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


async def login(service: Service) -> dict[str, str]:
    async with service.client() as client:
        response = await try_login(client, EMAIL)
        response.raise_for_status()
        user: dict[str, str] = response.json()["user"]
        return user


async def test_new_admin_can_log_in(committed_service: Service) -> None:
    result = await run_on(committed_service, "create-admin", EMAIL, ADMIN_PASSWORD=PASSWORD)
    assert result.exit_code == 0, result.output
    user = await login(committed_service)
    assert user["role"] == UserRole.ADMIN
    assert user["email_verified_at"] is not None  # the operator vouches for it


async def test_password_is_asked_for_twice(committed_service: Service) -> None:
    typed = f"{PASSWORD}\n{PASSWORD}\n"
    result = await run_on(committed_service, "create-admin", EMAIL, "--name", "Ada", typed=typed)
    assert result.exit_code == 0, result.output
    assert PASSWORD not in result.output
    assert (await login(committed_service))["name"] == "Ada"


async def test_existing_user_becomes_admin_only_on_request(committed_service: Service) -> None:
    async with committed_service.client() as client:
        assert (await client.post(REGISTER, json=ADA)).status_code == 201

    other = "Other-Horse-8!"
    rejected = await run_on(committed_service, "create-admin", EMAIL, ADMIN_PASSWORD=other)
    assert rejected.exit_code == 1
    assert "--promote" in rejected.output

    promoted = await run_on(committed_service, "create-admin", EMAIL, "--promote")
    assert promoted.exit_code == 0, promoted.output
    assert (await login(committed_service))["role"] == UserRole.ADMIN


@pytest.mark.parametrize(("email", "password"), [(EMAIL, PASSWORD.lower()), ("ada", PASSWORD)])
async def test_admin_meets_the_same_rules_as_users(
    committed_service: Service, email: str, password: str
) -> None:
    result = await run_on(committed_service, "create-admin", email, ADMIN_PASSWORD=password)
    assert result.exit_code == 1
    assert "Value error" not in result.output
    assert password not in result.output


async def test_email_of_undecodable_bytes_is_rejected(committed_service: Service) -> None:
    result = await run_on(committed_service, "create-admin", "\udcff@example.com", "--promote")
    assert result.exit_code == 2
    assert "Use UTF-8 without control characters" in result.output


@pytest.mark.parametrize("given", [("--password", PASSWORD), (PASSWORD,)])
async def test_password_is_no_argument(committed_service: Service, given: tuple[str, ...]) -> None:
    """Every user of the machine can read the arguments of a process."""
    result = await run_on(committed_service, "create-admin", EMAIL, *given)
    assert result.exit_code == 2
