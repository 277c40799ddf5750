"""The processes that keep the processors busy under `--stress`."""

import os
import signal
import subprocess
import sys

from tests.conftest import ROOT
from tests.stress import LOOPS_PER_PROCESSOR, busy_processors
from tests.waiting import PATIENCE

PARENT = """\
from tests.stress import busy_processors
with busy_processors() as loops:
    print(*loops, flush=True)
    input()
"""


def is_running(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


def test_loops_keep_every_processor_busy_and_then_end() -> None:
    with busy_processors() as loops:
        assert len(loops) == LOOPS_PER_PROCESSOR * (os.cpu_count() or 1)
        assert all(map(is_running, loops))
    assert not any(map(is_running, loops))


def test_loops_end_when_the_run_is_killed() -> None:
    """Read to the end of the standard output that the loops inherit: they have all ended."""
    with subprocess.Popen(
        (sys.executable, "-c", PARENT),
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as parent:
        assert parent.stdout
        assert parent.stdout.readline()
        parent.send_signal(signal.SIGKILL)
        assert parent.communicate(timeout=PATIENCE)[0] == b""
