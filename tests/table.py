"""The table at the end of a run: what each combination holds, how long it took and how it ended."""

from collections import defaultdict

import pytest


class Table:
    """Reads what `test_projects.py` recorded; with xdist, in the controller."""

    @pytest.hookimpl
    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        rows: dict[str, dict[str, int | float]] = defaultdict(
            lambda: {"files": 0, "tests": 0, "seconds": 0.0, "failures": 0}
        )
        for outcome, reports in terminalreporter.stats.items():
            for report in reports:
                recorded = dict(getattr(report, "user_properties", ()))
                if "combination" not in recorded:
                    continue
                row = rows[str(recorded["combination"])]
                row["seconds"] += report.duration
                row["failures"] += outcome in {"failed", "error"}
                if report.when == "teardown":
                    row["files"] += int(recorded.get("files", 0))
                    row["tests"] += int(recorded.get("tests", 0))
        if not rows:
            return
        width = max(len("combination"), *map(len, rows))
        terminalreporter.section("combinations")
        terminalreporter.line(f"{'combination':{width}}  files  tests  seconds  result")
        for name, row in sorted(rows.items()):
            terminalreporter.line(
                f"{name:{width}}  {row['files']:5}  {row['tests']:5}  {row['seconds']:7.1f}"
                f"  {'failed' if row['failures'] else 'passed'}"
            )
