"""Script: run a worker in the project's folder, and restart it after each code change.

It ends when its parent process ends, even if killed.
"""

import subprocess
import sys
from contextlib import suppress
from threading import Event, Thread

from watchfiles import PythonFilter, watch

STOP_SECONDS = 5  # for a task in progress, which is then redelivered

orphaned = Event()


def wait_for_parent() -> None:
    sys.stdin.read()
    orphaned.set()


def start() -> subprocess.Popen[bytes]:
    return subprocess.Popen((sys.executable, "-m", "app", "worker", "--concurrency", "1"))


def stop(worker: subprocess.Popen[bytes]) -> None:
    worker.terminate()
    with suppress(subprocess.TimeoutExpired):
        worker.wait(STOP_SECONDS)
    worker.kill()
    worker.wait()


Thread(target=wait_for_parent, daemon=True).start()
worker = start()
for _ in watch("app", watch_filter=PythonFilter(), stop_event=orphaned):
    stop(worker)
    worker = start()
stop(worker)
