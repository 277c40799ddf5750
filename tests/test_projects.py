"""Each combination as its user has it: installed, checked by its own tools and its own tests.

The tests of one combination share an installation and run on one worker, in this order.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.combinations import Combination
from tests.files import files_of

Run = Callable[..., str]


@pytest.fixture(scope="session")
def virtual_environment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One a worker: `uv sync` brings it to exactly what the next combination asks for."""
    return tmp_path_factory.mktemp("venv") / "venv"


@pytest.fixture(scope="session")
def run(
    combination: Combination,
    rendering: Path,
    virtual_environment: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Run:
    """Runs a command in a copy of the rendering, and shows all that it said when it fails."""
    project = shutil.copytree(rendering, tmp_path_factory.mktemp(combination.id) / "myapp")
    environment = os.environ | {
        "PATH": f"{virtual_environment / 'bin'}{os.pathsep}{os.environ['PATH']}",
        "UV_PROJECT_ENVIRONMENT": str(virtual_environment),
        "UV_PYTHON": sys.executable,
    }

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

    run(os.environ.get("UV", "uv"), "sync", "--quiet")
    return run


@pytest.fixture(autouse=True)
def name_of_the_row(
    combination: Combination, record_property: Callable[[str, object], None]
) -> None:
    """Says to the table at the end of the run whose time this is."""
    record_property("combination", combination.id)


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


def test_its_own_tests_pass_and_none_is_skipped(
    run: Run, rendering: Path, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    """A test that skips because a server is missing has not passed."""
    report = tmp_path / "report.xml"
    record_property("files", len(files_of(rendering)))
    try:
        output = run("pytest", "--cov", f"--junitxml={report}")
    finally:
        suite = ElementTree.parse(report).find("testsuite") if report.exists() else None
        counts = {} if suite is None else suite.attrib
        record_property("tests", counts.get("tests", 0))
    assert int(counts["tests"]) > 0, output
    assert int(counts["skipped"]) == 0, output
