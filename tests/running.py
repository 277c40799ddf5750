"""Run `dev` of a project like a developer: start it, call the service, stop it with Ctrl-C."""

import json
import os
import runpy
import signal
import subprocess
from collections.abc import Callable, Generator, Mapping
from contextlib import AbstractContextManager, closing, contextmanager
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any

from tests.waiting import PATIENCE, eventually

LOGIN = {"email": "ada@example.com", "password": "Correct-Horse-7!"}
USER = {**LOGIN, "name": "Ada"}

# The helper of the generated tests, so that only one place knows how to reserve a port.
PORTS = Path(__file__).parent.parent / "template/tests/support/ports.py"
reserved_port: Callable[[], AbstractContextManager[int]] = runpy.run_path(str(PORTS))[
    "reserved_port"
]


class Server:
    """A running `dev`, which writes its output to `log`."""

    def __init__(self, process: subprocess.Popen[bytes], port: int, log: Path) -> None:
        self.process = process
        self.log = log
        self.port = port

    def call(self, path: str, body: object = None, token: str = "") -> tuple[int, Any]:
        return call(self.port, path, body, token)

    def is_ready(self) -> bool:
        ended = self.process.poll()
        assert ended is None, f"dev exited with {ended}.\n{self.log.read_text()}"
        try:
            return self.call("/health/ready")[0] == 200
        except (OSError, HTTPException):
            return False

    def press_ctrl_c(self) -> int:
        """Send SIGINT to the process group, like a terminal; return the exit code of `dev`."""
        os.killpg(self.process.pid, signal.SIGINT)
        return self.process.wait(PATIENCE)


def call(port: int, path: str, body: object = None, token: str = "") -> tuple[int, Any]:
    """Send a GET, or a POST if there is a body; return the status and the parsed JSON."""
    headers = {"Content-Type": "application/json"}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    with closing(HTTPConnection("127.0.0.1", port, timeout=PATIENCE)) as connection:
        connection.request("POST" if body else "GET", path, json.dumps(body), headers)
        response = connection.getresponse()
        return response.status, json.load(response)


@contextmanager
def dev(project: Path, environment: Mapping[str, str], log: Path) -> Generator[Server]:
    """Start `dev`, and yield the server once it is ready."""
    with (
        reserved_port() as port,
        log.open("wb") as output,
        subprocess.Popen(
            ("myapp", "dev", "--port", str(port)),
            cwd=project,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        ) as process,
    ):
        server = Server(process, port, log)
        try:
            assert eventually(server.is_ready), log.read_text()
            yield server
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)


def processes_of(folder: Path) -> list[str]:
    """Return the command lines that name the folder; none if there is no /proc."""
    lines = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = path.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if str(folder) in line:
            lines.append(line)
    return lines
