"""Run a project behind PgBouncer, which lends a server connection for one transaction only."""

import os
import shutil
import subprocess
from collections import Counter
from collections.abc import Generator, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import cycle
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.running import LOGIN, USER, call, reserved_port
from tests.waiting import eventually

BINARY = "pgbouncer"
SERVER_CONNECTIONS = 3
"""Fewer than the processes hold, so that every transaction may get another one."""
CLIENTS = 6
ROUNDS = 5

SERVERS = """\
import sys
from development.postgres import temporary_postgres
from development.redis import private_redis
with temporary_postgres() as postgres, private_redis() as redis:
    print(postgres, redis, flush=True)
    sys.stdin.read()
"""
CONFIGURATION = """\
[databases]
app = host={host} port={port} dbname={name} user={user} password={password}
[pgbouncer]
auth_type = any
default_pool_size = {connections}
listen_addr = 127.0.0.1
listen_port = {listens}
max_client_conn = 500
pool_mode = transaction
unix_socket_dir =
"""


def find_pooler() -> str:
    """Return the path of PgBouncer. Nothing here downloads it."""
    path = shutil.which(BINARY, path=f"{os.environ['PATH']}{os.pathsep}/usr/sbin")
    if not path:
        pytest.fail("--pooler needs PgBouncer in PATH: apt-get install pgbouncer", pytrace=False)
    return path


@contextmanager
def servers(project: Path, environment: Mapping[str, str]) -> Generator[list[str]]:
    """Run a PostgreSQL and a Redis of the project, and yield their URLs."""
    with subprocess.Popen(
        ("python", "-c", SERVERS),
        cwd=project,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout
        yield process.stdout.readline().split()
        process.communicate()


@contextmanager
def pooler(postgres: str, folder: Path) -> Generator[str]:
    """Run PgBouncer in front of the server, and yield the URL for the service."""
    url = urlsplit(postgres)
    with reserved_port() as port:
        configuration = folder / "pgbouncer.ini"
        configuration.write_text(
            CONFIGURATION.format(
                host=url.hostname,
                port=url.port,
                name=url.path.lstrip("/"),
                user=url.username,
                password=url.password,
                connections=SERVER_CONNECTIONS,
                listens=port,
            )
        )
        user = ("--user", "nobody") if os.geteuid() == 0 else ()  # it refuses to run as root
        with running((find_pooler(), *user, str(configuration)), folder, {}, folder / "pooler"):
            yield f"postgresql://ada:any@127.0.0.1:{port}/app?pgbouncer=true"


@contextmanager
def running(
    command: tuple[str, ...], folder: Path, environment: Mapping[str, str], log: Path
) -> Generator[None]:
    with (
        log.open("wb") as output,
        subprocess.Popen(
            command,
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        ) as process,
    ):
        try:
            yield
            assert process.poll() is None, log.read_text()
        finally:
            process.terminate()


@contextmanager
def serving(project: Path, environment: Mapping[str, str], log: Path) -> Generator[int]:
    """Run `serve`, and yield its port once it is ready."""
    with reserved_port() as port:
        command = ("myapp", "serve", "--host", "127.0.0.1", "--port", str(port))
        with running(command, project, environment, log):
            assert eventually(lambda: is_ready(port)), log.read_text()
            yield port


def is_ready(port: int) -> bool:
    try:
        return call(port, "/health/ready")[0] == 200
    except OSError:
        return False


def load(ports: list[int]) -> Counter[int]:
    """Use the service from several threads, each as users of its own; count the statuses."""
    with ThreadPoolExecutor(CLIENTS) as threads:
        numbers = range(CLIENTS * ROUNDS)
        return sum(threads.map(lambda number: Counter(use(ports, number)), numbers), Counter())


def use(ports: list[int], number: int) -> Iterator[int]:
    """Register, log in, read and write, with each request to the next service."""
    email = {"email": f"user{number}@example.com"}
    organization = f"/api/v1/organizations/organization-{number}"
    requests: list[tuple[str, object]] = [
        ("/api/v1/auth/register", USER | email),
        ("/api/v1/auth/login", LOGIN | email),
        ("/api/v1/users/me", None),
        ("/api/v1/organizations", {"name": "Acme", "slug": f"organization-{number}"}),
        (f"{organization}/projects", {"name": "Rocket"}),
        (f"{organization}/projects", None),
        (f"{organization}/members", None),
        ("/api/v1/users/me/sessions", None),
        ("/health/ready", None),
    ]
    token = ""
    for (path, body), port in zip(requests, cycle(ports), strict=False):
        status, answer = call(port, path, body, token)
        token = answer.get("access_token", token) if isinstance(answer, dict) else token
        yield status
