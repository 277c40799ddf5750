"""A script that cleans up after a run of the tests, once its standard input is closed.

Its argument is the run's folder for temporary files. Every process that was started with it in
TMPDIR is killed, and the folder deleted. Where there is no /proc, processes are left alone.
"""

import os
import shutil
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

KEEPER = b"_keeper.py"  # stops its server by itself, now that the users of the server are gone
KEEPER_SECONDS = 60

folder = sys.argv[1]
of_this_run = f"\0TMPDIR={folder}".encode()


def left() -> list[tuple[int, bytes]]:
    """The processes of the run, with their command lines."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if of_this_run in b"\0" + (process / "environ").read_bytes():
                found.append((int(process.name), (process / "cmdline").read_bytes()))
        except OSError:  # it has ended, or belongs to somebody else
            continue
    return found


def kill(chosen: Callable[[bytes], bool]) -> bool:
    """Whether there was one to kill."""
    processes = [process for process, command in left() if chosen(command)]
    for process in processes:
        try:
            os.kill(process, signal.SIGKILL)
        except ProcessLookupError:
            continue
    return bool(processes)


sys.stdin.read()
deadline = time.monotonic() + KEEPER_SECONDS
while kill(lambda command: KEEPER not in command) or (left() and time.monotonic() < deadline):
    time.sleep(0.05)
while kill(bool):
    time.sleep(0.05)
shutil.rmtree(folder, ignore_errors=True)
