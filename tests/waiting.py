"""Waiting for events. No test's outcome depends on how fast the machine is."""

import time
from collections.abc import Callable

PATIENCE = 600.0
"""Seconds after which a test gives up. Only a test that is about to fail waits this long."""
PAUSE = 0.05


def eventually(condition: Callable[[], bool]) -> bool:
    """Call `condition` until it holds; return whether it did before `PATIENCE` was exhausted."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(PAUSE)
    return True
