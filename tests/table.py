"""The table at the end of a run: size, duration and result of each combination."""

from collections import defaultdict
from dataclasses import dataclass

import pytest

from tests.combinations import VALID, Combination


@dataclass
class Row:
    files: int = 0
    tests: int = 0
    seconds: float = 0.0
    suite_seconds: float = 0.0
    suite_cpu_seconds: float = 0.0
    failures: int = 0

    @property
    def result(self) -> str:
        """The result; without any of the project's own tests it is `not run`, not `passed`."""
        return "failed" if self.failures else "passed" if self.tests else "not run"


class Table:
    """Report each combination: its tests, and its own suite as run by `test_projects.py`.

    `seconds` covers all tests, including the installation; the suite's time has its own columns.
    """

    @pytest.hookimpl
    def pytest_itemcollected(self, item: pytest.Item) -> None:
        """Record the combination before any fixture runs, so that a failing one is counted too."""
        if isinstance(item, pytest.Function) and hasattr(item, "callspec"):
            combination = item.callspec.params.get("combination")
            if isinstance(combination, Combination):
                item.user_properties.append(("combination", combination.id))

    @pytest.hookimpl
    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Print the table. With xdist this runs in the controller, which gets all reports."""
        rows: dict[str, Row] = defaultdict(Row)
        installed = False
        for outcome, reports in terminalreporter.stats.items():
            for report in reports:
                if not isinstance(report, pytest.TestReport):
                    continue
                recorded = dict(report.user_properties)
                if "combination" not in recorded:
                    continue
                installed |= "test_projects.py" in report.nodeid
                row = rows[str(recorded["combination"])]
                row.seconds += report.duration
                row.failures += outcome in {"failed", "error"}
                if report.when == "teardown":
                    row.files += int(str(recorded.get("files", 0)))
                    row.tests += int(str(recorded.get("tests", 0)))
                    row.suite_seconds += float(str(recorded.get("suite seconds", 0)))
                    row.suite_cpu_seconds += float(str(recorded.get("suite CPU seconds", 0)))
        if installed:
            _write(terminalreporter, rows)


def _write(terminal: pytest.TerminalReporter, rows: dict[str, Row]) -> None:
    width = max(len("combination"), *map(len, rows))
    terminal.section("combinations")
    terminal.line(
        f"{'combination':{width}}  files  tests  seconds  suite seconds  suite CPU seconds  result"
    )
    for name in (each.id for each in VALID if each.id in rows):
        row = rows[name]
        terminal.line(
            f"{name:{width}}  {row.files:5}  {row.tests:5}  {row.seconds:7.1f}"
            f"  {row.suite_seconds:13.1f}  {row.suite_cpu_seconds:17.1f}  {row.result}"
        )
