"""Each combination as its user has it: installed, checked by its own tools and its own tests.

They run in this order.
"""

import os
import tomllib
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from xml.etree import ElementTree

from tests.files import files_of
from tests.installing import Run, share_of_processors
from tests.running import LOGIN, STOP_SECONDS, USER, dev, holds_within, processes_of

# Measures the same lines and branches as the project's own `--cov`, at a tenth of its cost: what
# Coverage.py adds to code that switches greenlets would double a suite before Python 3.14.
SLIPCOVER = f"slipcover=={version('slipcover')}"
# It also instruments tests, and says so where this pytest does not let it.
QUIET = (
    "-Wignore:Unable to activate pytest branch coverage:RuntimeWarning",
    "-Wignore:Module already imported so cannot be rewritten",
)


def test_its_code_is_clean(run: Run) -> None:
    run("ruff", "check")


def test_its_code_is_formatted(run: Run) -> None:
    run("ruff", "format", "--check")


def test_its_types_hold(run: Run) -> None:
    run("mypy")


def test_its_layers_hold(run: Run) -> None:
    run("lint-imports")


def test_all_of_it_compiles(run: Run) -> None:
    run("python", "-W", "error", "-m", "compileall", "-q", "app", "migrations", "tests")


def test_its_command_answers(run: Run) -> None:
    assert "dev" in run("myapp", "--help")


def test_its_own_tests_pass_cover_it_and_none_is_skipped(
    run: Run,
    rendering: Path,
    environment: dict[str, str],
    tmp_path: Path,
    record_property: Callable[[str, object], None],
) -> None:
    """A test that skips because a server is missing has not passed."""
    venv = environment["UV_PROJECT_ENVIRONMENT"]
    run(os.environ.get("UV", "uv"), "pip", "install", "--quiet", f"--python={venv}", SLIPCOVER)
    tools = tomllib.loads((rendering / "pyproject.toml").read_text())["tool"]
    gate = str(tools["coverage"]["report"]["fail_under"])
    report = tmp_path / "report.xml"
    record_property("files", len(files_of(rendering)))
    try:
        output = run(
            *("python", "-m", "slipcover", "--branch", "--source=app", f"--fail-under={gate}"),
            *("-m", "pytest", f"-n{share_of_processors()}", *QUIET, f"--junitxml={report}"),
        )
    finally:
        suite = ElementTree.parse(report).find("testsuite") if report.exists() else None
        counts = {} if suite is None else suite.attrib
        record_property("tests", counts.get("tests", 0))
    assert int(counts["tests"]) > 0, output
    assert int(counts["skipped"]) == 0, output


def test_one_command_brings_it_up_and_ctrl_c_takes_all_of_it_down(
    run: Run, project: Path, environment: dict[str, str], workshop: Path, tmp_path: Path
) -> None:
    """Migrated, with every server that it needs, from a folder in which nothing has been set up."""
    with dev(project, environment, tmp_path / "log") as server:
        assert server.call("/api/v1/auth/register", USER)[0] == 201
        status, tokens = server.call("/api/v1/auth/login", LOGIN)
        assert status == 200
        status, me = server.call("/api/v1/users/me", token=tokens["access_token"])
        assert (status, me["email"]) == (200, USER["email"])
        assert server.press_ctrl_c() == 0
    assert "Traceback" not in server.log.read_text()
    gone = holds_within(STOP_SECONDS, lambda: not processes_of(workshop))
    assert gone, processes_of(workshop)
