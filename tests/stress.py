"""`--stress`: processes that compete with a suite for the processors, and the table of its runs."""

import os
import subprocess
import sys
from collections.abc import Generator
from contextlib import ExitStack, contextmanager

import pytest

RANDOM_ORDER = "pytest-randomly==5.1.0"
LOOPS_PER_PROCESSOR = 4
# Its stdin is a pipe from this run: however the run ends, the pipe closes and so ends the loop.
LOOP = """\
import select, sys
while not select.select([sys.stdin], [], [], 0)[0]:
    for _ in range(100_000):
        pass
"""
HEADING = ["combination", "seed", "tests", "failures", "seconds", "CPU seconds"]


@contextmanager
def busy_processors() -> Generator[list[int]]:
    """Keep every processor busy; yield the IDs of the processes that do it."""
    with ExitStack() as stack:
        loops = [
            stack.enter_context(
                subprocess.Popen((sys.executable, "-c", LOOP), stdin=subprocess.PIPE)
            )
            for _ in range(LOOPS_PER_PROCESSOR * (os.cpu_count() or 1))
        ]
        yield [each.pid for each in loops]


@pytest.hookimpl
def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    rows = [
        value
        for reports in terminalreporter.stats.values()
        for report in reports
        if isinstance(report, pytest.TestReport) and report.when == "teardown"
        for key, value in report.user_properties
        if key == "stress" and isinstance(value, list)
    ]
    if rows:
        terminalreporter.section("stress")
        widths = [max(map(len, column)) for column in zip(HEADING, *rows, strict=True)]
        for row in (HEADING, *rows):
            cells = (cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))
            terminalreporter.line("  ".join([row[0].ljust(widths[0]), *cells]))
