"""A private PostgreSQL for development and tests, from a wheel: no docker, no server to install.

Every process that works in one directory shares one server: the first starts it, the last stops it.
"""

import fcntl
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from app.cli.postgres_binaries import find_binaries, reachable_home, server_account
from app.cli.postgres_server import Server


@contextmanager
def private_postgres(directory: Path, *, durable: bool = True) -> Generator[str]:
    """Yields the URL of a running server whose data live in `directory`, and stay if `durable`."""
    account = server_account()
    home = reachable_home(directory.absolute(), account)
    server = Server(home, find_binaries(home, account), account)
    with (home / "lease").open("a") as lease:
        try:
            with (home / "starting").open("a") as starting:
                fcntl.flock(starting, fcntl.LOCK_EX)
                fcntl.flock(lease, fcntl.LOCK_SH)
                server.ensure_running(durable=durable)
            yield server.url
        finally:
            if _is_last(lease.fileno()):
                server.stop(durable=durable)


@contextmanager
def temporary_postgres() -> Generator[str]:
    """Yields the URL of an empty server that vanishes afterwards, for a run of the tests."""
    with tempfile.TemporaryDirectory(prefix="postgres-") as directory:
        Path(directory).chmod(0o711)  # the server may run as another account
        with private_postgres(Path(directory) / "server", durable=False) as url:
            yield url


def _is_last(lease: int) -> bool:
    """Whether no other process holds the lease; if so, newcomers now wait until we close it."""
    try:
        fcntl.flock(lease, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
