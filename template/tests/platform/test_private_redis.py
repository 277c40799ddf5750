import asyncio
import os
import sys
import tomllib
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import pytest
from redis.exceptions import ConnectionError as RedisConnectionError

from app.cli import redis as module
from app.cli.declared import ROOT
from app.cli.redis import development_redis, private_redis
from tests.support.ports import reserved_port
from tests.support.redis import connect, own_database
from tests.support.waiting import eventually, patience

HOLD = """
import sys
from app.cli.redis import private_redis
with private_redis(int(sys.argv[1])) as url:
    print(url, flush=True)
    sys.stdin.read()
"""


@asynccontextmanager
async def another_process() -> AsyncGenerator[tuple[Process, str]]:
    """One that has a server until its standard input ends."""
    with reserved_port() as port:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", HOLD, str(port)), stdin=PIPE, stdout=PIPE, process_group=0
        )
        assert process.stdout
        async with patience():
            url = await process.stdout.readline()
        yield process, url.decode().strip()
        await process.communicate(b"")


async def answers(url: str) -> bool:
    async with connect(url) as client:
        try:
            return bool(await client.ping())
        except RedisConnectionError:
            return False


async def gone(url: str) -> None:
    async def is_gone() -> bool:
        return not await answers(url)

    await eventually(is_gone)


async def test_it_vanishes_with_what_it_holds() -> None:
    with reserved_port() as port:
        with private_redis(port) as url:
            assert await answers(url)
        assert not await answers(url)


async def test_each_user_has_a_server_of_his_own() -> None:
    with private_redis() as one, private_redis() as other:
        assert one != other
        assert await answers(one)
        assert await answers(other)


async def test_it_stops_when_its_user_is_killed() -> None:
    async with another_process() as (process, url):
        assert await answers(url)
        process.kill()
        await gone(url)


async def test_ctrl_c_in_the_terminal_does_not_reach_it() -> None:
    """Who uses it goes first, and may need it until then."""
    async with another_process() as (process, url), connect(url) as client:
        server = (await client.info("server"))["process_id"]
        assert os.getpgid(process.pid) == process.pid
        assert os.getpgid(server) != process.pid


async def test_a_port_that_another_server_has_is_refused_in_one_sentence(
    capfd: pytest.CaptureFixture[str],
) -> None:
    with private_redis() as url:
        taken = int(url.rpartition(":")[2].partition("/")[0])
        with pytest.raises(SystemExit, match="set REDIS_URL to a server"), private_redis(taken):
            pass
    assert "Traceback" not in capfd.readouterr().err


def test_a_port_that_is_lost_to_another_process_is_not_the_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with reserved_port() as free, private_redis() as url:
        taken = int(url.rpartition(":")[2].partition("/")[0])
        ports = iter([taken, taken, free])
        monkeypatch.setattr(module, "_free_port", lambda: next(ports))
        with private_redis() as other:
            assert other != url


def test_without_the_wheel_one_sentence_asks_for_a_url(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("REDIS_URL")
    monkeypatch.setattr(module, "WHEEL", "not-installed")

    with pytest.raises(SystemExit, match="set REDIS_URL to a server"), development_redis():
        pass


def test_the_wheel_is_not_installed_in_production() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    in_development = project["dependency-groups"]["dev"]

    assert [name for name in in_development if name.startswith(module.WHEEL)]
    assert not [name for name in project["project"]["dependencies"] if module.WHEEL in name]


def test_a_given_url_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REDIS_URL", "redis://elsewhere")
    monkeypatch.setattr(module, "WHEEL", "not-installed")

    with development_redis():
        assert os.environ["REDIS_URL"] == "redis://elsewhere"
    assert os.environ["REDIS_URL"] == "redis://elsewhere"


async def test_without_a_url_development_has_a_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("REDIS_URL")

    with development_redis():
        assert await answers(os.environ["REDIS_URL"])
    assert "REDIS_URL" not in os.environ


@pytest.mark.parametrize(
    ("worker", "path", "number"),
    [("gw0", "", 0), ("gw3", "", 3), ("gw3", "/8", 11), ("", "/8", 8)],
)
async def test_workers_of_the_tests_have_databases_of_their_own_on_a_given_server(
    worker: str, path: str, number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    if worker:
        monkeypatch.setenv("PYTEST_XDIST_WORKER", worker)
    else:
        monkeypatch.delenv("PYTEST_XDIST_WORKER", raising=False)
    with private_redis() as url:
        server = url.removesuffix("/0")
        async with (
            connect(f"{server}/{number}") as mine,
            connect(f"{server}/15") as else_,
        ):
            await asyncio.gather(mine.set("left", "over"), else_.set("somebody", "else"))
            with own_database(f"{server}{path}") as own:
                assert own == f"{server}/{number}"
                assert not await mine.dbsize()
                assert await else_.dbsize() == 1
