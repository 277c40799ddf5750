"""A private PostgreSQL for development and tests, from a wheel: no Docker, no server to install.

All processes that use one directory share a server: the first starts it, the last stops it.
"""

import fcntl
import os
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from development.ports import free_port
from development.postgres_binaries import (
    Account,
    PostgresError,
    find_binaries,
    reachable_home,
    server_account,
)

STOPPER = Path(__file__).with_name("stop_unused_postgres.py")
ATTEMPTS = 3  # another process may take the free port before PostgreSQL does
START_TIMEOUT = 60  # seconds
NOT_DURABLE = "-c fsync=off -c full_page_writes=off -c synchronous_commit=off"


@contextmanager
def private_postgres(directory: Path, *, durable: bool = True) -> Generator[str]:
    """Yield the URL of a running server with its data in `directory`, kept if `durable`."""
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
    """Yield the URL of an empty server, deleted afterwards, for a test run."""
    with tempfile.TemporaryDirectory(prefix="postgres-") as directory:
        Path(directory).chmod(0o711)  # the server may run as another account
        with private_postgres(Path(directory) / "server", durable=False) as url:
            yield url


@contextmanager
def postgres_in_environment(directory: Path) -> Generator[None]:
    """Run a private server as DATABASE_URL of this process and its children."""
    with private_postgres(directory) as url:
        os.environ["DATABASE_URL"] = url
        try:
            yield
        finally:
            del os.environ["DATABASE_URL"]


def _is_last(lease: int) -> bool:
    """Return whether no other process holds the lease; new ones then wait until we close it."""
    try:
        fcntl.flock(lease, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


@dataclass(frozen=True)
class Server:
    """The server of one directory."""

    home: Path
    binaries: Path
    account: Account

    @property
    def data(self) -> Path:
        return self.home / "data"

    @property
    def port(self) -> int:
        """Line 4 of `postmaster.pid`, written by the running server."""
        return int((self.data / "postmaster.pid").read_text().splitlines()[3])

    @property
    def url(self) -> str:
        password = (self.home / "password").read_text()
        return f"postgresql+asyncpg://postgres:{password}@127.0.0.1:{self.port}/postgres"

    def ensure_running(self, *, durable: bool) -> None:
        if not self.data.exists():
            self._initialise()
        if not self._is_running():
            # Left behind by a crash; its process id may belong to another process by now.
            (self.data / "postmaster.pid").unlink(missing_ok=True)
            self._start(durable=durable)

    def stop(self, *, durable: bool) -> None:
        """Skip the last checkpoint, which takes seconds, if the data need not survive."""
        self._pg_ctl("stop", f"--mode={'fast' if durable else 'immediate'}")

    def _is_running(self) -> bool:
        if self._pg_ctl("status").returncode != 0:
            return False
        try:
            socket.create_connection(("127.0.0.1", self.port), timeout=5).close()
        except (OSError, LookupError, ValueError):
            return False
        return True

    def _initialise(self) -> None:
        """Create the data under a temporary name, so that an incomplete one is never started."""
        password, partial = self.home / "password", self.home / "data.partial"
        shutil.rmtree(partial, ignore_errors=True)
        password.touch(mode=0o600)
        password.write_text(secrets.token_hex(24))
        self.account.own(password)
        options = (
            "--no-sync",
            "--username=postgres",
            f"--pwfile={password}",
            "--auth=scram-sha-256",
            "--encoding=UTF8",
            "--no-locale",
            "--locale-provider=builtin",
            "--builtin-locale=C.UTF-8",
        )
        result = self.account.run(self.binaries / "initdb", "-D", partial, *options, cwd=self.home)
        if result.returncode != 0:
            raise PostgresError(f"PostgreSQL could not create {self.data}: {result.stderr.strip()}")
        partial.rename(self.data)

    def _start(self, *, durable: bool) -> None:
        log = self.home / "log"
        for _ in range(ATTEMPTS):
            log.unlink(missing_ok=True)
            options = f"-h 127.0.0.1 -p {free_port()} -c unix_socket_directories=''"
            if not durable:
                options = f"{options} {NOT_DURABLE}"
            if self._pg_ctl("start", f"--log={log}", f"--options={options}").returncode == 0:
                return self._stop_when_unused()
        tail = "\n".join(log.read_text(errors="replace").splitlines()[-10:]) if log.exists() else ""
        raise PostgresError(f"PostgreSQL did not start; {log} ends with:\n{tail}")

    def _stop_when_unused(self) -> None:
        stop = (self.binaries / "pg_ctl", "stop", "-D", self.data, "--mode=fast", "--silent")
        uid, gid = str(self.account.uid), str(self.account.gid)
        subprocess.run(
            (sys.executable, "-I", STOPPER, self.home / "lease", uid, gid, *stop),
            cwd=self.home,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            check=True,
        )

    def _pg_ctl(self, action: str, *options: str) -> subprocess.CompletedProcess[str]:
        timeout = () if action == "status" else ("--wait", f"--timeout={START_TIMEOUT}")
        return self.account.run(
            self.binaries / "pg_ctl", action, "-D", self.data, *timeout, *options, cwd=self.home
        )
