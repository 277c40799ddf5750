"""Services to measure: rendered, installed and started like in production, with one process."""

import json
import os
import subprocess
import warnings
from collections.abc import Generator, Mapping
from contextlib import ExitStack, contextmanager
from http.client import HTTPException
from pathlib import Path

import copier

from tests.benchmarks.rooms import allow_open_files
from tests.combinations import Answer
from tests.files import git
from tests.installing import UV, environment_of, environment_of_uv
from tests.running import call, reserved_port
from tests.waiting import eventually

ROOT = Path(__file__).parents[2]
HERE = Path(__file__).parent
SECRET_KEY = "0123456789abcdefghijklmnopqrstuvwxyz-benchmarks"
QUOTA = "999999/minute"
SETTINGS = {
    "ENVIRONMENT": "production",
    "ACCESS_TOKEN_EXPIRE_MINUTES": "1440",
    "ALLOWED_HOSTS": "127.0.0.1",
    "FRONTEND_URL": "https://www.example.com",
    "SMTP_HOST": "smtp.example.com",
    "RATE_LIMIT_ADDRESSES": "false",
    **dict.fromkeys(("RATE_LIMIT_CALLER", "RATE_LIMIT_LOGIN", "RATE_LIMIT_LOGIN_FAILURES"), QUOTA),
    "SECRET_KEY": SECRET_KEY,
    "WEBSOCKET_MAX_CONNECTIONS": "10000",
    "WEBSOCKET_MAX_PER_USER": "1000",
    "WORKERS": "1",
}
"""Requests are counted by caller as in production, but no limit is reached."""

SERVER_PROCESSOR = 0


class Service:
    """A rendering of a Git revision in a folder; HEAD includes uncommitted changes."""

    def __init__(
        self, folder: Path, answers: Mapping[str, Answer], revision: str, *, pinned: bool
    ) -> None:
        folder.mkdir(mode=0o711)  # a database server may run as another user
        self.folder = folder
        self.pinned = pinned
        self.project = folder / "myapp"
        self.environment = environment_of(folder) | SETTINGS | {"PYTHONPATH": str(self.project)}
        with warnings.catch_warnings(action="ignore"):  # about uncommitted changes
            copier.run_copy(
                str(ROOT), self.project, dict(answers), vcs_ref=revision, defaults=True, quiet=True
            )
        git(self.project, "init", "--quiet")
        subprocess.run(
            (UV, "sync", "--quiet"),
            cwd=self.project,
            env=environment_of_uv(self.environment),
            check=True,
        )

    def python(self, *arguments: str) -> float:
        """Run Python in the project, and return the CPU time that it used."""
        log = self.folder / "log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                ("python", *arguments),
                cwd=self.project,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
            _, status, used = os.wait4(process.pid, 0)
        if status:
            raise SystemExit(f"python {' '.join(arguments)} failed:\n{log.read_text()}")
        return used.ru_utime + used.ru_stime

    def seed(self, first: int, last: int) -> None:
        """Add the rows from number `first` up to `last`."""
        if last > first:
            self.python(str(HERE / "inside/seed.py"), str(first), str(last))

    @contextmanager
    def running(self) -> Generator[str]:
        """Start its private servers, migrate the database, serve, and yield the URL."""
        allow_open_files()
        with (
            subprocess.Popen(
                ("python", str(HERE / "inside/servers.py"), str(self.folder)),
                cwd=self.project,
                env=self.environment,
                stdin=subprocess.PIPE,  # they end when it closes
                stdout=subprocess.PIPE,
                start_new_session=True,
            ) as servers,
            ExitStack() as stack,
        ):
            assert servers.stdout
            self.environment |= json.loads(servers.stdout.readline())
            self.python("-m", "app", "db", "upgrade")
            yield stack.enter_context(self.served("-m", "app", "serve", "--host", "127.0.0.1"))

    @contextmanager
    def served(self, *command: str, ready: str = "/health/ready") -> Generator[str]:
        """Run a server, which takes `--port`, and yield its URL once it responds."""
        with (
            reserved_port() as port,
            (self.folder / f"log-{port}").open("wb") as log,
            subprocess.Popen(
                ("python", *command, "--port", str(port)),
                cwd=self.project,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            ) as process,
        ):
            try:
                if self.pinned:
                    os.sched_setaffinity(process.pid, {SERVER_PROCESSOR})
                assert eventually(lambda: process.poll() is not None or responds(port, ready))
                assert process.poll() is None, Path(log.name).read_text()
                yield f"http://127.0.0.1:{port}"
            finally:
                process.terminate()


def responds(port: int, path: str) -> bool:
    try:
        return call(port, path)[0] == 200
    except (OSError, HTTPException, ValueError):
        return False


def pin_others() -> bool:
    """Leave a processor to the servers: move this process, whose children inherit it, to the rest.

    Return whether there is more than one.
    """
    rest = os.sched_getaffinity(0) - {SERVER_PROCESSOR}
    if rest:
        os.sched_setaffinity(0, rest)
    return bool(rest)
