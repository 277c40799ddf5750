"""What is measured on request only, such as by `--fuzz`, and the tables of what is found.

Without its option such a test is not even collected, and with one nothing else is.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.fuzzing import CALLERS, CORNERS

DOCS = Path(__file__).parent.parent / "docs"
OPTIONS = {
    "test_fuzz.py": "--fuzz",
    "test_mutations.py": "--mutations",
    "test_stress.py": "--stress",
    "test_workflows_in_full.py": "--workflows",
}

BEGIN = "<!-- Written by `--record` from here on. -->"
END = "<!-- Written up to here. -->"

Row = list[str]
"""The cells; the first one names the row."""


@dataclass(frozen=True)
class Measurement:
    """Its tests record a property of that name, which is a row."""

    name: str
    page: Path
    heading: Row
    names: Callable[[], list[str]]

    def recorded(self) -> dict[str, Row]:
        """The rows on the page."""
        _, _, rest = self.page.read_text(encoding="utf-8").partition(BEGIN)
        lines = re.findall(r"^\| (.+) \|$", rest.partition(END)[0], re.MULTILINE)
        rows = [line.split(" | ") for line in lines[1:]]
        return {row[0]: row for row in rows}

    def record(self, found: dict[str, Row]) -> None:
        """What was not measured this time keeps its row."""
        before, _, rest = self.page.read_text(encoding="utf-8").partition(BEGIN)
        _, _, after = rest.partition(END)
        known = self.recorded() | found
        rows = [known[name] for name in self.names() if name in known]
        table = "\n".join(f"| {' | '.join(row)} |" for row in (self.heading, *rows))
        rule = "|---" * len(self.heading) + "|"
        table = table.replace("\n", f"\n{rule}\n", 1)
        self.page.write_text(f"{before}{BEGIN}\n\n{table}\n\n{END}{after}", encoding="utf-8")


MEASUREMENTS = [
    Measurement(
        "fuzz",
        DOCS / "fuzzing.md",
        ["combination, caller", "operations", "cases", "failures"],
        lambda: [f"{corner.id}, {caller}" for corner in CORNERS for caller in CALLERS],
    ),
]


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    chosen = {file for file, option in OPTIONS.items() if config.getoption(option)}
    name = collection_path.name
    is_test = name.startswith("test_") and name.endswith(".py")
    return True if is_test and name not in chosen and (chosen or name in OPTIONS) else None


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """With xdist this runs in the controller, where the reports of all workers arrive."""
    for measurement in MEASUREMENTS:
        if found := _found(terminalreporter, measurement.name):
            terminalreporter.section(measurement.name)
            for row in (measurement.heading, *found.values()):
                terminalreporter.line("  ".join(f"{cell:50}" for cell in row).rstrip())
            if terminalreporter.config.getoption("--record"):
                measurement.record(found)


def _found(terminal: pytest.TerminalReporter, name: str) -> dict[str, Row]:
    reports = [report for reports in terminal.stats.values() for report in reports]
    rows = [
        value
        for report in reports
        if isinstance(report, pytest.TestReport) and report.when == "teardown"
        for key, value in report.user_properties
        if key == name and isinstance(value, list)
    ]
    return {row[0]: row for row in rows}
