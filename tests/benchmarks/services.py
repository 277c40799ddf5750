"""Services to measure: rendered, installed and started like in production, with one process."""

import json
import os
import resource
import subprocess
import warnings
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from http.client import HTTPException
from pathlib import Path
from typing import Any

import copier

from tests.combinations import Answer
from tests.files import git
from tests.installing import UV, environment_of, environment_of_uv
from tests.running import call, reserved_port
from tests.waiting import eventually

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
QUOTA = "999999/minute"
SETTINGS = {
    "ENVIRONMENT": "production",
    "ACCESS_TOKEN_EXPIRE_MINUTES": "1440",
    "ALLOWED_HOSTS": "127.0.0.1",
    "FRONTEND_URL": "https://www.example.com",
    "SMTP_HOST": "smtp.example.com",
    "RATE_LIMIT_ADDRESSES": "false",
    **dict.fromkeys(("RATE_LIMIT_CALLER", "RATE_LIMIT_LOGIN", "RATE_LIMIT_LOGIN_FAILURES"), QUOTA),
    "SECRET_KEY": "0123456789abcdefghijklmnopqrstuvwxyz-benchmarks",
    "WEBSOCKET_MAX_CONNECTIONS": "10000",
    "WEBSOCKET_MAX_PER_USER": "1000",
    "WORKERS": "1",
}
"""Requests are counted by caller as in production, but no limit is reached."""

SERVERS, *OTHERS = sorted(os.sched_getaffinity(0))
"""The processor for the servers to measure, and those for the rest, if there are more."""


def prepare() -> None:
    """Move this process to the other processors and allow it many sockets; children inherit it."""
    os.sched_setaffinity(0, OTHERS or {SERVERS})
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


class Service:
    """A rendering of a Git revision in a folder; HEAD includes uncommitted changes."""

    def __init__(self, folder: Path, answers: Mapping[str, Answer], revision: str) -> None:
        folder.mkdir(mode=0o711)  # a database server may run as another user
        self.folder = folder
        self.project = folder / "myapp"
        self.environment = environment_of(folder) | SETTINGS | {"PYTHONPATH": str(self.project)}
        with warnings.catch_warnings(action="ignore"):  # about uncommitted changes
            copier.run_copy(
                str(ROOT), self.project, dict(answers), vcs_ref=revision, defaults=True, quiet=True
            )
        git(self.project, "init", "--quiet")
        uv = environment_of_uv(self.environment)
        subprocess.run((UV, "sync", "--quiet"), cwd=self.project, env=uv, check=True)

    def python(self, *arguments: str) -> float:
        """Run Python in the project, and return the CPU time that it used."""
        before = sum(resource.getrusage(resource.RUSAGE_CHILDREN)[:2])
        with self._popen(*arguments, stdout=subprocess.PIPE) as process:
            output = process.communicate()[0].decode()
        if process.returncode:
            raise SystemExit(f"python {' '.join(arguments)} failed:\n{output}")
        return sum(resource.getrusage(resource.RUSAGE_CHILDREN)[:2]) - before

    def seed(self, first: int, last: int) -> None:
        """Add the rows from number `first` up to `last`."""
        if last > first:
            self.python(str(HERE / "inside/seed.py"), str(first), str(last))

    @contextmanager
    def running(self) -> Generator[str]:
        """Start its private servers, migrate the database, serve, and yield the URL."""
        command = (str(HERE / "inside/servers.py"), str(self.folder))
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": None}
        with self._popen(*command, **pipes, start_new_session=True) as servers:
            assert servers.stdout
            self.environment |= json.loads(servers.stdout.readline())
            self.python("-m", "app", "db", "upgrade")
            with self.served("-m", "app", "serve", "--host", "127.0.0.1") as url:
                yield url

    @contextmanager
    def served(self, *command: str) -> Generator[str]:
        """Run a server, which takes `--port`, and yield its URL once it responds."""
        with (
            reserved_port() as port,
            (self.folder / f"log-{port}").open("wb") as log,
            self._popen(
                *command, "--port", str(port), stdout=log, start_new_session=True
            ) as process,
        ):
            try:
                os.sched_setaffinity(process.pid, {SERVERS})
                assert eventually(lambda: process.poll() is not None or responds(port))
                assert process.poll() is None, Path(log.name).read_text()
                yield f"http://127.0.0.1:{port}"
            finally:
                process.terminate()

    def _popen(self, *arguments: str, **options: Any) -> subprocess.Popen[bytes]:
        """Start Python in the project."""
        usual: dict[str, Any] = {"stdin": subprocess.DEVNULL, "stderr": subprocess.STDOUT}
        options = usual | {"cwd": self.project, "env": self.environment} | options
        process: subprocess.Popen[bytes] = subprocess.Popen(("python", *arguments), **options)
        return process


def responds(port: int) -> bool:
    try:
        return call(port, "/health")[0] == 200
    except (OSError, HTTPException, ValueError):
        return False
