"""The number of SQL statements of each operation, held in tests/benchmarks/statements.txt."""

import json
from pathlib import Path

import pytest

from tests.combinations import VALID, Combination
from tests.conftest import ROOT
from tests.installing import Run

COMBINATIONS = [VALID[0], VALID[-1]]  # the smallest and the largest
HEADING = ["operation", *(each.id for each in COMBINATIONS)]
TABLE = ROOT / "tests/benchmarks/statements.txt"
SCRIPT = ROOT / "tests/benchmarks/inside/statements.py"

Counts = dict[str, int]


def read() -> dict[str, Counts]:
    """Return the counts by combination."""
    lines = TABLE.read_text(encoding="utf-8").splitlines() if TABLE.exists() else []
    rows = [line.split() for line in lines[1:]]
    return {
        name: {row[0]: int(row[place]) for row in rows if row[place] != "-"}
        for place, name in enumerate(HEADING[1:], start=1)
    }


def write(counts: dict[str, Counts]) -> None:
    """Write a line per operation; `-` marks one that the combination lacks."""
    names = sorted({name for each in counts.values() for name in each})
    rows = [[name, *(str(each.get(name, "-")) for each in counts.values())] for name in names]
    lines = [f"{first:28}  {small:6}  {large}\n" for first, small, large in (HEADING, *rows)]
    TABLE.write_text("".join(lines), encoding="utf-8")


def test_no_operation_takes_another_number_of_statements(
    combination: Combination, run: Run, project: Path, tmp_path: Path, pytestconfig: pytest.Config
) -> None:
    file = tmp_path / "counts.json"
    run("env", f"PYTHONPATH={project}", "python", str(SCRIPT), str(file))
    found: Counts = json.loads(file.read_text(encoding="utf-8"))
    known = read()
    if pytestconfig.getoption("--update-statements"):
        write(known | {combination.id: found})
        return
    assert found == known[combination.id], "If it is right: uv run poe statements"
