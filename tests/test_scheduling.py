"""The groups for pytest-xdist, without which each worker would install every project."""

import re
import subprocess
import sys

from tests.conftest import ROOT


def test_tests_of_a_combination_stay_on_one_worker() -> None:
    command = (
        *(sys.executable, "-m", "pytest", "-v", "-n2", "-k", "folder or trace or parses"),
        *("--combination", "sqlite", "--combination", "postgres", "tests/test_style.py"),
    )
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    ran = re.findall(r"\[(gw\d)\].* PASSED .*\[(sqlite|postgres)\]", done.stdout)
    assert len(ran) == 6, done.stdout
    assert len(set(ran)) == 2, done.stdout
