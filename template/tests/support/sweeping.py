"""Clean up after a run of the tests, however it ends: processes and temporary folders.

Run as a script, this waits until its standard input is closed. Then it kills every process that was
started with its argument, a folder, in TMPDIR, and deletes the folder. Where there is no /proc, it
finds no process.
"""

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

SERVER_SCRIPT = re.compile(rb"/development/(run|stop)_\w+\.py\0")
"""The command line of a script that stops its server once the server has no users."""
SERVER_SCRIPT_SECONDS = 60
PAUSE = 0.05


def sweep_afterwards() -> subprocess.Popen[bytes]:
    """Give the run a temporary folder, and start the process that cleans up afterwards."""
    folder = tempfile.mkdtemp(prefix="tests-")
    Path(folder).chmod(0o711)  # a server may run as another account
    sweeper = subprocess.Popen(
        (sys.executable, "-I", __file__, folder),
        stdin=subprocess.PIPE,  # closed when we end, in any way
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    # pytest keeps the folders of its last runs, to inspect a failure.
    os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", tempfile.gettempdir())
    os.environ["TMPDIR"] = tempfile.tempdir = folder
    return sweeper


def sweep(folder: str) -> None:
    deadline = time.monotonic() + SERVER_SCRIPT_SECONDS
    while _kill(folder, lambda command: not SERVER_SCRIPT.search(command)) or (
        _processes(folder) and time.monotonic() < deadline
    ):
        time.sleep(PAUSE)
    while _kill(folder, bool):
        time.sleep(PAUSE)
    shutil.rmtree(folder, ignore_errors=True)


def _kill(folder: str, chosen: Callable[[bytes], bool]) -> bool:
    """Kill the processes whose command line is chosen; return whether there was one."""
    processes = [process for process, command in _processes(folder) if chosen(command)]
    for process in processes:
        try:
            os.kill(process, signal.SIGKILL)
        except ProcessLookupError:
            continue
    return bool(processes)


def _processes(folder: str) -> list[tuple[int, bytes]]:
    """Return the processes of the run with their command lines."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if f"\0TMPDIR={folder}".encode() in b"\0" + (process / "environ").read_bytes():
                found.append((int(process.name), (process / "cmdline").read_bytes()))
        except OSError:  # it has ended, or belongs to another account
            continue
    return found


if __name__ == "__main__":
    sys.stdin.read()
    sweep(sys.argv[1])
