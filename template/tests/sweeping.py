"""Nothing outlives a run of the tests, however it ends: no process and no temporary folder."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

SWEEPER = Path(__file__).with_name("sweeper.py")


def sweep_afterwards() -> subprocess.Popen[bytes]:
    """Give the run a folder for temporary files, and start what cleans up when we have ended."""
    folder = tempfile.mkdtemp(prefix="tests-")
    os.chmod(folder, 0o711)  # a server may run as another account
    sweeper = subprocess.Popen(
        (sys.executable, "-I", SWEEPER, folder),
        stdin=subprocess.PIPE,  # closed when we end, in whatever way
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    # pytest keeps the folders of the last runs for whoever looks into a failure.
    os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", tempfile.gettempdir())
    os.environ["TMPDIR"] = tempfile.tempdir = folder
    return sweeper
