import asyncio
import os
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import pytest
from redis.exceptions import ConnectionError as RedisConnectionError

from development import redis as module
from development.redis import private_redis, redis_in_environment
from tests.support.ports import reserved_port
from tests.support.redis import connect, own_database
from tests.support.waiting import eventually, patience

HOLD = """
import sys
from development.redis import private_redis
with private_redis(int(sys.argv[1])) as url:
    print(url, flush=True)
    sys.stdin.read()
"""


@asynccontextmanager
async def another_process() -> AsyncGenerator[tuple[Process, str]]:
    """Yield a process that runs a server until its standard input ends, and the URL."""
    with reserved_port() as port:
        command = (sys.executable, "-c", HOLD, str(port))
        process = await asyncio.create_subprocess_exec(
            *command, stdin=PIPE, stdout=PIPE, process_group=0
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


async def is_gone(url: str) -> bool:
    return not await answers(url)


def port_of(url: str) -> int:
    return int(url.removesuffix("/0").rpartition(":")[2])


async def test_server_ends_with_its_context() -> None:
    with reserved_port() as port:
        with private_redis(port) as url:
            assert await answers(url)
        assert await is_gone(url)


async def test_server_ends_with_a_killed_user_and_not_with_ctrl_c() -> None:
    """Ctrl-C goes to a process group, and the user may need the server until it ends."""
    async with another_process() as (process, url):
        async with connect(url) as client:
            server = (await client.info("server"))["process_id"]
        assert os.getpgid(process.pid) == process.pid
        assert os.getpgid(server) != process.pid
        process.kill()
        await eventually(lambda: is_gone(url))


async def test_port_in_use_is_one_sentence(capfd: pytest.CaptureFixture[str]) -> None:
    with (
        private_redis() as url,
        pytest.raises(SystemExit, match="set REDIS_URL to your own server"),
        private_redis(port_of(url)),
    ):
        pass
    assert "Traceback" not in capfd.readouterr().err


def test_port_lost_to_another_process_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    with reserved_port() as free, private_redis() as url:
        ports = iter([port_of(url), port_of(url), free])
        monkeypatch.setattr(module, "free_port", lambda: next(ports))
        with private_redis() as other:
            assert other != url


async def test_server_is_announced_as_redis_url(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("REDIS_URL")

    with redis_in_environment():
        assert await answers(os.environ["REDIS_URL"])
    assert "REDIS_URL" not in os.environ


def test_missing_wheel_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "WHEEL", "not-installed")

    with pytest.raises(SystemExit, match="set REDIS_URL to your own server"), private_redis():
        pass


@pytest.mark.parametrize(
    ("worker", "path", "number"),
    [("gw0", "", 0), ("gw3", "", 3), ("gw3", "/8", 11), ("", "/8", 8)],
)
async def test_pytest_workers_share_a_given_server(
    worker: str, path: str, number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each empties and uses its own database there."""
    monkeypatch.delenv("PYTEST_XDIST_WORKER", raising=False)
    if worker:
        monkeypatch.setenv("PYTEST_XDIST_WORKER", worker)
    with private_redis() as url:
        server = url.removesuffix("/0")
        async with connect(f"{server}/{number}") as own, connect(f"{server}/15") as other:
            await asyncio.gather(own.set("left", "over"), other.set("somebody", "else"))
            with own_database(f"{server}{path}") as own_url:
                assert own_url == f"{server}/{number}"
                assert not await own.dbsize()
                assert await other.dbsize() == 1
