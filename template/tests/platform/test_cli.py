import json
import socket
from pathlib import Path

import pytest

from app.cli.declared import ROOT
from app.cli.development import write_env_file
from app.cli.server import require_free
from tests.support.command_line import run, run_on
from tests.support.service import Service

COMMANDS = ("dev", "serve", "create-admin", "openapi", "db")
MIGRATING = ("upgrade", "downgrade", "revision", "check", "current", "history")


@pytest.mark.parametrize(
    "arguments", [(), *((name,) for name in COMMANDS), *(("db", name) for name in MIGRATING)]
)
async def test_every_command_explains_itself(arguments: tuple[str, ...]) -> None:
    result = await run(*arguments, "--help")
    assert result.exit_code == 0
    assert "Usage" in result.output


async def test_the_openapi_document_needs_no_settings(tmp_path: Path) -> None:
    shown = await run("openapi", ENVIRONMENT="production", DATABASE_URL="", SECRET_KEY="")
    assert "/api/v1/auth/login" in json.loads(shown.stdout)["paths"]
    file = tmp_path / "openapi.json"
    assert (await run("openapi", "--output", str(file))).exit_code == 0
    assert json.loads(file.read_text()) == json.loads(shown.stdout)


async def test_the_openapi_document_cannot_go_where_there_is_no_folder() -> None:
    result = await run("openapi", "--output", "/nowhere/openapi.json")
    assert result.exit_code == 1
    assert "Cannot write /nowhere/openapi.json" in result.output


async def test_dev_is_not_for_deployment() -> None:
    result = await run("dev", ENVIRONMENT="production")
    assert result.exit_code == 1
    assert "use `serve`" in result.output


@pytest.mark.parametrize("name", ["dev", "serve"])
async def test_a_port_in_use_is_one_sentence(committed_service: Service, name: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        result = await run_on(committed_service, name, "--host", "127.0.0.1", "--port", port)
    assert result.exit_code == 1
    assert f"port {port}: Address already in use" in result.output


@pytest.mark.parametrize("host", ["not a host", "..", "é..", "\udcff"])
def test_a_host_that_is_none_is_one_sentence(host: str) -> None:
    with pytest.raises(SystemExit, match=r"Cannot listen on .*: no such address\."):
        require_free(host, 8000)


def test_a_free_port_is_left_free() -> None:
    require_free("127.0.0.1", 0)
    require_free("::1", 0)


async def test_serve_refuses_wrong_settings_before_it_starts(committed_service: Service) -> None:
    result = await run_on(committed_service, "serve", WORKERS="many")
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


def test_an_env_file_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match=r"Cannot write .*\.env: No such file or directory\."):
        write_env_file(tmp_path / "gone" / ".env")


def test_commands_work_in_the_folder_of_the_project() -> None:
    assert (ROOT / "pyproject.toml").is_file()
