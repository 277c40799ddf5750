"""Run the tests of a rendered project and read their JUnit report."""

import os
import re
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree import ElementTree

LINES = 6  # of a failure's message
WIDTH = 300
SAYS = {"error": "", "failure": "", "skipped": "skipped: "}


@dataclass(frozen=True)
class Failure:
    test: str
    """Its node ID, or the name of a check that is not a test, such as `coverage`."""
    message: str


@dataclass(frozen=True)
class Outcome:
    tests: int
    failures: list[Failure]
    output: str = field(repr=False)
    """The part of the output that explains the failures."""
    seconds: float
    cpu_seconds: float
    """User and system time of all its child processes that were waited for."""


def run_suite(
    command: tuple[str, ...], project: Path, environment: Mapping[str, str], report: Path
) -> Outcome:
    """Run pytest in the project. A skip counts as a failure, as it may hide a missing server."""
    report.unlink(missing_ok=True)
    began, used = time.monotonic(), _cpu_seconds()
    done = subprocess.run(
        (*command, f"--junitxml={report}", "--override-ini=junit_family=xunit1"),
        cwd=project,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    seconds, cpu_seconds = time.monotonic() - began, _cpu_seconds() - used
    tests, failures = read_report(report)
    output = explanation(done.stdout)
    if not failures and (done.returncode or not tests):
        why = last_lines(output) or f"pytest exited with {done.returncode}"
        failures.append(Failure("the whole suite", why))
    return Outcome(tests, failures, output, seconds, cpu_seconds)


def read_report(report: Path) -> tuple[int, list[Failure]]:
    """Return the number of tests in the report, and those that failed or were skipped."""
    if not report.exists():
        return 0, []
    cases = list(ElementTree.parse(report).iter("testcase"))
    failures = [
        Failure(_node_id(case), first_lines(SAYS[found.tag] + found.get("message", "")))
        for case in cases
        for found in case
        if found.tag in SAYS
    ]
    return len({_node_id(case) for case in cases}), failures


def _node_id(case: ElementTree.Element) -> str:
    """Return the node ID of a test, or the path of a file that cannot be collected."""
    file, scope, name = (case.get(key, "") for key in ("file", "classname", "name"))
    if not scope:
        return file or name
    classes = scope.removeprefix(file.removesuffix(".py").replace("/", ".")).split(".")
    return "::".join([file, *filter(None, classes), name])


def explanation(output: str) -> str:
    """Return the output from the first failure on, or the last lines if there is none."""
    found = re.search(r"^=+ (ERRORS|FAILURES) =+$", output, re.MULTILINE)
    return output[found.start() :] if found else last_lines(output, 40)


def first_lines(text: str, count: int = LINES) -> str:
    return _shortened(text, slice(count))


def last_lines(text: str, count: int = LINES) -> str:
    return _shortened(text, slice(-count, None))


def _shortened(text: str, part: slice) -> str:
    lines = [line for line in text.splitlines() if line.strip()][part]
    return "\n".join(line if len(line) <= WIDTH else f"{line[:WIDTH]} ..." for line in lines)


def _cpu_seconds() -> float:
    times = os.times()
    return times.children_user + times.children_system
