"""Each combination as its user has it: installed, checked by its own tools and its own tests.

They run in this order.
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

# Measures the same lines and branches as the project's own `--cov`, at a tenth of its cost: what
# Coverage.py adds to code that switches greenlets would double a suite before Python 3.14.
SLIPCOVER = f"slipcover=={version('slipcover')}"
# It also instruments tests, and says so where this pytest does not let it.
QUIET = (
    "-Wignore:Unable to activate pytest branch coverage:RuntimeWarning",
    "-Wignore:Module already imported so cannot be rewritten",
)
AGAIN = "uv run pytest tests/test_projects.py -k own_tests --combination"


def test_its_code_is_clean(run: Run) -> None:
    run("ruff", "check")


def test_its_code_is_formatted(run: Run) -> None:
    run("ruff", "format", "--check")


def test_its_types_hold(run: Run) -> None:
    run("mypy")


def test_its_layers_hold(run: Run) -> None:
    run("lint-imports")


def test_all_of_it_compiles(run: Run) -> None:
    run("python", "-W", "error", "-m", "compileall", "-q", "-x", r"\.venv", ".")


def test_its_command_answers(run: Run) -> None:
    assert "dev" in run("myapp", "--help")


def test_its_own_tests_pass_cover_it_and_none_is_skipped(
    suite: Suite,
    combination: Combination,
    rendering: Path,
    pytestconfig: pytest.Config,
    tmp_path: Path,
    record_property: Callable[[str, object], None],
) -> None:
    """With `--suite` only those that it names run, and no coverage is asked for."""
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
            why = f"{covered:.2f} % of the lines and branches, below the gate of {gate} %"
            failures, output = [Failure("coverage", why)], ""
    record_property("tests", outcome.tests)
    record_property("suite seconds", outcome.seconds)
    record_property("suite CPU seconds", outcome.cpu_seconds)
    again = f"{AGAIN} {combination.id}"
    record_property("failures", recorded(failures, combination.id, again, alone=True))
    if failures:
        pytest.fail(report_of(failures, output), pytrace=False)


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
    gone = eventually(lambda: not processes_of(workshop))
    assert gone, processes_of(workshop)
