"""Install each combination, check it with its own tools, run its own tests, and start it.

The tests run in this order.
"""

import json
import tomllib
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import pytest

from tests.combinations import Combination
from tests.failures import recorded, report_of
from tests.files import files_of
from tests.installing import Run, Suite, share_of_processors
from tests.running import LOGIN, USER, dev, processes_of
from tests.suite import Failure
from tests.waiting import eventually

# Measures the same lines and branches as the project's own `--cov`, at a tenth of its cost: before
# Python 3.14, Coverage.py more than doubles the time of code that switches greenlets.
SLIPCOVER = f"slipcover=={version('slipcover')}"
# SlipCover also instruments tests, and warns if this pytest does not allow it.
QUIET = (
    "-Wignore:Unable to activate pytest branch coverage:RuntimeWarning",
    "-Wignore:Module already imported so cannot be rewritten",
)
AGAIN = "uv run pytest tests/test_projects.py -k own_tests --combination"


def test_linter_finds_nothing(run: Run) -> None:
    run("ruff", "check")


def test_code_is_formatted(run: Run) -> None:
    run("ruff", "format", "--check")


def test_type_checker_finds_nothing(run: Run) -> None:
    run("mypy")


def test_import_rules_hold(run: Run) -> None:
    run("lint-imports")


def test_every_module_compiles_without_warnings(run: Run) -> None:
    run("python", "-W", "error", "-m", "compileall", "-q", "-x", r"\.venv", ".")


def test_command_prints_its_help(run: Run) -> None:
    assert "dev" in run("myapp", "--help")


def test_own_tests_pass_unskipped_and_meet_the_coverage_gate(
    suite: Suite,
    combination: Combination,
    rendering: Path,
    pytestconfig: pytest.Config,
    tmp_path: Path,
    record_property: Callable[[str, object], None],
) -> None:
    """With `--suite`, run only the tests that it names, and don't measure coverage."""
    chosen: list[str] = pytestconfig.getoption("--suite") or []
    tools = tomllib.loads((rendering / "pyproject.toml").read_text())["tool"]
    gate: float = tools["coverage"]["report"]["fail_under"]
    coverage = tmp_path / "coverage.json"
    source = ",".join(tools["coverage"]["run"]["source"])
    measured = ("-m", "slipcover", "--branch", f"--source={source}", "--json", f"--out={coverage}")
    record_property("files", len(files_of(rendering)))
    outcome = suite(
        f"-n{share_of_processors()}",
        *(chosen or QUIET),
        under=() if chosen else measured,
        packages=() if chosen else (SLIPCOVER,),
    )
    failures, output = outcome.failures, outcome.output
    if not failures and not chosen:
        covered = json.loads(coverage.read_text())["summary"]["percent_covered"]
        if covered < gate:
            why = f"{covered:.2f} % of lines and branches covered, below the required {gate} %"
            failures, output = [Failure("coverage", why)], ""
    record_property("tests", outcome.tests)
    record_property("suite seconds", outcome.seconds)
    record_property("suite CPU seconds", outcome.cpu_seconds)
    again = f"{AGAIN} {combination.id}"
    record_property("failures", recorded(failures, combination.id, again, alone=True))
    if failures:
        pytest.fail(report_of(failures, output), pytrace=False)


def test_dev_starts_everything_and_ctrl_c_stops_all_of_it(
    run: Run, project: Path, environment: dict[str, str], workshop: Path, tmp_path: Path
) -> None:
    """Start in a fresh folder: `dev` migrates the database and starts the servers it needs."""
    with dev(project, environment, tmp_path / "log") as server:
        assert server.call("/api/v1/auth/register", USER)[0] == 201
        status, tokens = server.call("/api/v1/auth/login", LOGIN)
        assert status == 200
        status, me = server.call("/api/v1/users/me", token=tokens["access_token"])
        assert (status, me["email"]) == (200, USER["email"])
        assert server.press_ctrl_c() == 0
    assert "Traceback" not in server.log.read_text()
    gone = eventually(lambda: not processes_of(workshop))
    assert gone, processes_of(workshop)
