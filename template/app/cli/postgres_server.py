"""Creates, starts and stops the private PostgreSQL of one directory."""

import secrets
import shutil
import socket
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from app.cli.postgres_binaries import Account, PostgresError

KEEPER = Path(__file__).with_name("postgres_keeper.py")
ATTEMPTS = 3  # another process may take the free port before PostgreSQL does
START_TIMEOUT = 60  # seconds
NOT_DURABLE = "-c fsync=off -c full_page_writes=off -c synchronous_commit=off"


@dataclass(frozen=True)
class Server:
    home: Path
    binaries: Path
    account: Account

    @property
    def data(self) -> Path:
        return self.home / "data"

    @property
    def port(self) -> int:
        """Line 4 of `postmaster.pid`, which the running server wrote."""
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
        """Without a last checkpoint, which takes seconds, if the data need not survive."""
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
        """Creates the data under a temporary name, so that a half-made cluster is never started."""
        password, partial = self.home / "password", self.home / "data.partial"
        shutil.rmtree(partial, ignore_errors=True)
        password.touch(mode=0o600)
        password.write_text(secrets.token_hex(24))
        self.account.own(password)
        result = self.account.run(
            *(self.binaries / "initdb", "-D", partial, "--no-sync"),
            *("--username=postgres", f"--pwfile={password}", "--auth=scram-sha-256"),
            *("--encoding=UTF8", "--no-locale"),
            *("--locale-provider=builtin", "--builtin-locale=C.UTF-8"),
            cwd=self.home,
        )
        if result.returncode != 0:
            raise PostgresError(f"PostgreSQL could not create {self.data}: {result.stderr.strip()}")
        partial.rename(self.data)

    def _start(self, *, durable: bool) -> None:
        log = self.home / "log"
        for _ in range(ATTEMPTS):
            log.unlink(missing_ok=True)
            options = f"-h 127.0.0.1 -p {_free_port()} -c unix_socket_directories=''"
            if not durable:
                options = f"{options} {NOT_DURABLE}"
            if self._pg_ctl("start", f"--log={log}", f"--options={options}").returncode == 0:
                return self._keep()
        tail = "\n".join(log.read_text(errors="replace").splitlines()[-10:]) if log.exists() else ""
        raise PostgresError(f"PostgreSQL did not start; the end of {log} says:\n{tail}")

    def _keep(self) -> None:
        stop = (self.binaries / "pg_ctl", "stop", "-D", self.data, "--mode=fast", "--silent")
        uid, gid = str(self.account.uid), str(self.account.gid)
        subprocess.run(
            (sys.executable, "-I", KEEPER, self.home / "lease", uid, gid, *stop),
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


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
