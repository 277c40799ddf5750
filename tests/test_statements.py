"""The number of SQL statements of each operation, held in tests/benchmarks/statements.json."""

import json
from pathlib import Path

import pytest

from tests.combinations import VALID, Combination
from tests.conftest import ROOT
from tests.installing import Run

COMBINATIONS = [VALID[0], VALID[-1]]  # the smallest and the largest
COUNTS = ROOT / "tests/benchmarks/statements.json"
SCRIPT = ROOT / "tests/benchmarks/inside/statements.py"


def test_no_operation_takes_another_number_of_statements(
    combination: Combination, run: Run, project: Path, tmp_path: Path, pytestconfig: pytest.Config
) -> None:
    file = tmp_path / "counts.json"
    run("env", f"PYTHONPATH={project}", "python", str(SCRIPT), str(file))
    found = json.loads(file.read_text(encoding="utf-8"))
    known = json.loads(COUNTS.read_text(encoding="utf-8"))
    if pytestconfig.getoption("--update-statements"):
        counts = json.dumps(known | {combination.id: found}, indent=1)
        COUNTS.write_text(counts + "\n", encoding="utf-8")
        return
    assert found == known[combination.id], "If it is right: uv run poe statements"
