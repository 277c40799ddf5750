"""A Redis server for one test, which may kill, restart or stop it during work."""

import os
import signal
from collections.abc import Generator
from contextlib import ExitStack, contextmanager

import pytest
from redis import Redis

from app.core import redis
from development.redis import private_redis
from tests.support.ports import reserved_port
from tests.support.redis import DOWN, LONG


class RedisServer:
    """A server that keeps its `url` and is empty after each start."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._running = ExitStack()
        self.start_again()

    def start_again(self) -> None:
        """Start it, and return once it answers."""
        DOWN.discard(self._port)
        self.url = self._running.enter_context(private_redis(self._port))
        with Redis.from_url(self.url, **LONG) as client:
            self._pid: int = client.info("server")["process_id"]

    def kill(self) -> None:
        """Break its connections; new ones are refused."""
        self._send(signal.SIGKILL)
        DOWN.add(self._port)
        self._running.close()

    def stop(self) -> None:
        """Let it accept connections and commands without an answer, until it is resumed."""
        self._send(signal.SIGSTOP)
        DOWN.add(self._port)

    def resume(self) -> None:
        DOWN.discard(self._port)
        self._send(signal.SIGCONT)

    def close(self) -> None:
        self.resume()
        self._running.close()

    def _send(self, sent: signal.Signals) -> None:
        try:
            os.kill(self._pid, sent)
        except ProcessLookupError:
            return


@contextmanager
def open_redis_server() -> Generator[RedisServer]:
    with reserved_port() as port:
        server = RedisServer(port)
        try:
            yield server
        finally:
            server.close()


@pytest.fixture
def server() -> Generator[RedisServer]:
    with open_redis_server() as server:
        yield server


class Clock:
    """A frozen clock: the pause after a failed command ends when the test decides."""

    def __init__(self) -> None:
        self.now = 0.0

    def end_the_pause(self) -> None:
        self.now += redis.PAUSE_SECONDS


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(redis, "monotonic", lambda: clock.now)
    return clock
