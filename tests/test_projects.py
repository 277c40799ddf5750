"""Each combination as its user has it: installed, checked by its own tools and its own tests.

The tests of one combination share an installation and run on one worker, in this order.
"""

import os
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from xml.etree import ElementTree

import pytest

from tests.files import files_of
from tests.running import LOGIN, STOP_SECONDS, USER, dev, holds_within, processes_of

# Measures the same lines and branches as the project's own `--cov`, at a tenth of its cost: what
# Coverage.py adds to code that switches greenlets would double a suite before Python 3.14.
SLIPCOVER = f"slipcover=={version('slipcover')}"
# It also instruments tests, and says so where this pytest does not let it.
QUIET = (
    "-Wignore:Unable to activate pytest branch coverage:RuntimeWarning",
    "-Wignore:Module already imported so cannot be rewritten",
)

Run = Callable[..., str]


@pytest.fixture(scope="session")
def workshop() -> Iterator[Path]:
    """A folder for each worker, where one project after the other is installed at the same path.

    `uv sync` brings the environment to exactly what the next project asks for. What is compiled and
    what mypy has read stay: both notice a file that has changed.
    """
    with TemporaryDirectory() as folder:
        Path(folder).chmod(0o711)  # a database server may run as another account
        yield Path(folder)


@pytest.fixture(scope="session")
def environment(workshop: Path) -> dict[str, str]:
    """Each suite gets a worker more than its share of the processors: much of it is waiting."""
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    # What this run's own pytest and xdist say of themselves is not true of the project's.
    own = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    return own | {
        "MYPY_CACHE_DIR": str(workshop / "mypy"),
        "PATH": f"{workshop / 'venv' / 'bin'}{os.pathsep}{os.environ['PATH']}",
        "PYTEST_XDIST_AUTO_NUM_WORKERS": str((os.cpu_count() or 1) // workers + 1),
        "UV_PROJECT_ENVIRONMENT": str(workshop / "venv"),
        "UV_PYTHON": sys.executable,
    }


@pytest.fixture(scope="session")
def project(rendering: Path, workshop: Path) -> Path:
    """A copy of the rendering: what its tools write does not reach the tests that look at it."""
    project = workshop / "myapp"
    if project.exists():
        shutil.rmtree(project)
    return shutil.copytree(rendering, project)


@pytest.fixture(scope="session")
def run(project: Path, environment: dict[str, str]) -> Run:
    """Runs a command in the project, and shows all that it said when it fails."""

    def run(*command: str) -> str:
        done = subprocess.run(
            command,
            cwd=project,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=900,
        )
        if done.returncode:
            pytest.fail(f"$ {' '.join(command)}\n{done.stdout}", pytrace=False)
        return done.stdout

    uv = os.environ.get("UV", "uv")
    run(uv, "sync", "--quiet")
    run(
        uv,
        "pip",
        "install",
        "--quiet",
        f"--python={environment['UV_PROJECT_ENVIRONMENT']}",
        SLIPCOVER,
    )
    return run


def test_its_code_is_clean(run: Run) -> None:
    run("ruff", "check")


def test_its_code_is_formatted(run: Run) -> None:
    run("ruff", "format", "--check")


def test_its_types_hold(run: Run) -> None:
    run("mypy")


def test_its_layers_hold(run: Run) -> None:
    run("lint-imports")


def test_all_of_it_compiles(run: Run) -> None:
    run("python", "-W", "error", "-m", "compileall", "-q", "-f", "app", "migrations", "tests")


def test_its_command_answers(run: Run) -> None:
    assert "dev" in run("myapp", "--help")


def test_its_own_tests_pass_cover_it_and_none_is_skipped(
    run: Run, rendering: Path, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    """A test that skips because a server is missing has not passed."""
    tools = tomllib.loads((rendering / "pyproject.toml").read_text())["tool"]
    gate = str(tools["coverage"]["report"]["fail_under"])
    report = tmp_path / "report.xml"
    record_property("files", len(files_of(rendering)))
    try:
        output = run(
            *("python", "-m", "slipcover", "--branch", "--source=app", f"--fail-under={gate}"),
            *("-m", "pytest", *QUIET, f"--junitxml={report}"),
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
