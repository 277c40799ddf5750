"""The failures at the end of a run: which test failed, why, and the command that repeats it."""

import shlex

import pytest

from tests.suite import Failure, last_lines

Recorded = list[str]
"""Where it failed, why, and the command that repeats it; xdist sends lists, not objects."""


def recorded(failures: list[Failure], where: str, command: str) -> list[Recorded]:
    """The property `failures` of a test that ran the tests of a project.

    Only a node ID can be appended to the command, to repeat that test alone.
    """
    return [
        [
            f"{where}: {each.test}",
            each.message,
            f"{command} --suite {shlex.quote(each.test)}" if ".py" in each.test else command,
        ]
        for each in failures
    ]


def report_of(failures: list[Failure], output: str) -> str:
    """The names come first: pytest repeats the first line in its summary."""
    names = "".join(f"{each.test}: {each.message}\n" for each in failures)
    return f"{names}{output}"


@pytest.hookimpl(trylast=True)
def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print them below the tables. With xdist this runs in the controller."""
    reports = [
        report
        for outcome in ("error", "failed")
        for report in terminalreporter.stats.get(outcome, [])
        if isinstance(report, pytest.TestReport) and "combination" in dict(report.user_properties)
    ]
    if reports:
        terminalreporter.section("failures")
    installations = set()
    for report in reports:
        if report.when == "setup":
            if report.longreprtext in installations:
                continue  # it failed for each test of the combination
            installations.add(report.longreprtext)
        for where, why, command in _failures_of(report):
            terminalreporter.line(where, red=True)
            for line in (*why.splitlines(), f"$ {command}"):
                terminalreporter.line(f"    {line}")


def _failures_of(report: pytest.TestReport) -> list[Recorded]:
    properties = dict(report.user_properties)
    if isinstance(failures := properties.get("failures"), list) and failures:
        return failures
    path, _, name = report.nodeid.partition("::")
    text = report.longreprtext
    command = text.splitlines()[0] if text.startswith("$ ") else ""
    why = "\n".join(filter(None, [command, last_lines(text.removeprefix(command))]))
    repeat = f"uv run pytest -n0 {shlex.quote(report.nodeid)}"
    return [[f"{properties['combination']}: {path}::{name}", why, repeat]]
