"""Wait for events, so that no test's outcome depends on the speed of the machine."""

import time
from collections.abc import Callable

PATIENCE = 600.0
"""Seconds after which a test gives up. Only a test that is about to fail waits this long."""
PAUSE = 0.05


def eventually(condition: Callable[[], bool]) -> bool:
    """Call `condition` until it holds; return whether it did within `PATIENCE`."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(PAUSE)
    return True
