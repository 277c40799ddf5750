"""The failures at the end of a run: which test failed, why, and the command that repeats it."""

import shlex

import pytest

from tests.suite import Failure, first_lines, last_lines

Recorded = list[str]
"""Where it failed, why, and the command that repeats it; xdist sends lists, not objects."""


def recorded(
    failures: list[Failure], where: str, command: str, *, alone: bool = False
) -> list[Recorded]:
    """Return the `failures` property of a test that ran a project's tests.

    With `alone`, the command repeats just the test that failed, if it has a node ID.
    """
    return [
        [
            f"{where}: {each.test}",
            each.message,
            repeating(command, [each.test]) if alone and ".py" in each.test else command,
        ]
        for each in failures
    ]


def repeating(command: str, arguments: list[str]) -> str:
    """Append arguments for the project's own pytest to the command."""
    return " ".join([command, *(f"--suite={shlex.quote(each)}" for each in arguments)])


def report_of(failures: list[Failure], output: str) -> str:
    """Return a message that names the failures before the output that explains them."""
    names = (f"{each.test}: {first_lines(each.message, 1)}" for each in failures)
    return "\n".join([*names, output])


@pytest.hookimpl(trylast=True)
def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the failures below the tables. With xdist this runs in the controller."""
    reports = [
        report
        for outcome in ("error", "failed")
        for report in terminalreporter.stats.get(outcome, [])
        if isinstance(report, pytest.TestReport) and "combination" in dict(report.user_properties)
    ]
    if reports:
        terminalreporter.section("failures")
    broken = set()
    for report in reports:
        if report.when == "setup":  # a combination that cannot be installed fails in each test
            cause = (dict(report.user_properties)["combination"], _reason(report))
            if cause in broken:
                continue
            broken.add(cause)
        for where, why, command in _failures_of(report):
            terminalreporter.line(where, red=True)
            for line in (*why.splitlines(), f"$ {command}"):
                terminalreporter.line(f"    {line}")


def _failures_of(report: pytest.TestReport) -> list[Recorded]:
    properties = dict(report.user_properties)
    if isinstance(failures := properties.get("failures"), list) and failures:
        return failures
    repeat = f"uv run pytest -n0 {shlex.quote(report.nodeid)}"
    name, _, _ = report.nodeid.rpartition("[")
    return [[f"{properties['combination']}: {name or report.nodeid}", _reason(report), repeat]]


def _reason(report: pytest.TestReport) -> str:
    """Return the last lines of a tool's output, but the first ones of an assertion."""
    crash = getattr(report.longrepr, "reprcrash", None)
    text = crash.message.removeprefix("Failed: ") if crash else report.longreprtext
    if text.startswith("$ "):
        command, _, output = text.partition("\n")
        return f"{command}\n{last_lines(output)}".rstrip()
    return first_lines(text)
