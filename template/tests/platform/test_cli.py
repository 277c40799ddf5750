import json
import socket
from pathlib import Path

import pytest

from app.cli.dev import write_env_file
from app.cli.serve import require_free
from tests.support.command_line import run, run_on
from tests.support.service import Service

COMMANDS = ["", "dev", "serve", "create-admin", "openapi", "db"]
MIGRATING = ["upgrade", "downgrade", "revision", "check", "current", "history"]


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
