"""A combination as its user has it: installed, in a folder where its commands can be run.

The tests of one combination share an installation and run on one worker.
"""

import filecmp
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

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
    # What this run's own pytest and xdist say of themselves is not true of the project's.
    own = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    return own | {
        "MYPY_CACHE_DIR": str(workshop / "mypy"),
        "PATH": f"{workshop / 'venv' / 'bin'}{os.pathsep}{os.environ['PATH']}",
        "UV_PROJECT_ENVIRONMENT": str(workshop / "venv"),
        "UV_PYTHON": sys.executable,
    }


@pytest.fixture(scope="session")
def project(rendering: Path, workshop: Path) -> Path:
    """A copy of the rendering: what its tools write does not reach the tests that look at it."""
    project = workshop / "myapp"
    shutil.copytree(rendering, project, copy_function=_copy_if_changed, dirs_exist_ok=True)
    for path in sorted(project.rglob("*"), reverse=True):
        if "__pycache__" not in path.parts and not (rendering / path.relative_to(project)).exists():
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    return project


def _copy_if_changed(source: str, target: str) -> str:
    """Unchanged, what is compiled stays valid."""
    if not Path(target).exists() or not filecmp.cmp(source, target, shallow=False):
        shutil.copy(source, target)
    return target


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

    run(os.environ.get("UV", "uv"), "sync", "--quiet")
    return run


def share_of_processors() -> int:
    """How many workers a suite may have while others run beside it; 0 where it gets none."""
    beside = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    share = (os.cpu_count() or 1) // beside
    return share if share > 1 else 0
