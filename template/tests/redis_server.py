"""A Redis server of a test's own, to be killed, started again or stopped in the middle of work."""

import os
import signal
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from urllib.parse import urlsplit

import redis

from app.cli.redis import private_redis


class RedisServer:
    """Always at the same `url`, and empty after each start."""

    def __init__(self) -> None:
        self._running = ExitStack()
        self.url = ""
        self.start_again()

    def start_again(self) -> None:
        """Returns once it answers."""
        self.url = self._running.enter_context(private_redis(urlsplit(self.url).port))
        with redis.Redis.from_url(self.url) as client:
            self._pid: int = client.info("server")["process_id"]

    def kill(self) -> None:
        """Its connections break, and new ones are refused."""
        self._send(signal.SIGKILL)
        self._running.close()

    def stop(self) -> None:
        """It accepts connections and commands, and does not answer until it is resumed."""
        self._send(signal.SIGSTOP)

    def resume(self) -> None:
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
    server = RedisServer()
    try:
        yield server
    finally:
        server.close()
