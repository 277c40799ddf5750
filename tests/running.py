"""A project's `dev`, as a developer starts it, calls it and ends it with Ctrl-C."""

import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import closing, contextmanager
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any

START_SECONDS = 60
STOP_SECONDS = 30

LOGIN = {"email": "ada@example.com", "password": "Correct-Horse-7!"}
USER = {**LOGIN, "name": "Ada"}


class Server:
    """What `dev` printed is in `log`."""

    def __init__(self, process: subprocess.Popen[bytes], port: int, log: Path) -> None:
        self.process = process
        self.log = log
        self.port = port

    def call(self, path: str, body: object = None, token: str = "") -> tuple[int, Any]:
        return call(self.port, path, body, token)

    def is_ready(self) -> bool:
        ended = self.process.poll()
        assert ended is None, f"It ended with {ended}.\n{self.log.read_text()}"
        try:
            return self.call("/health/ready")[0] == 200
        except (OSError, HTTPException):
            return False

    def press_ctrl_c(self) -> int:
        """The whole group gets the signal, as from a terminal; what the process then returns."""
        os.killpg(self.process.pid, signal.SIGINT)
        return self.process.wait(STOP_SECONDS)


def call(port: int, path: str, body: object = None, token: str = "") -> tuple[int, Any]:
    """GET, or POST where there is a body; the status and what the JSON says."""
    headers = {"Content-Type": "application/json"}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    with closing(HTTPConnection("127.0.0.1", port, timeout=30)) as connection:
        connection.request("POST" if body else "GET", path, json.dumps(body), headers)
        answer = connection.getresponse()
        return answer.status, json.load(answer)


@contextmanager
def dev(project: Path, environment: Mapping[str, str], log: Path) -> Generator[Server]:
    """As soon as it is ready."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
    with (
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
            assert holds_within(START_SECONDS, server.is_ready), log.read_text()
            yield server
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)


def processes_of(folder: Path) -> list[str]:
    """The command lines with a path in that folder; none where there is no /proc to read."""
    lines = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = path.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if str(folder) in line:
            lines.append(line)
    return lines


def holds_within(seconds: float, condition: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True
