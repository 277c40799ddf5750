"""Fixtures that install a combination and run its commands, like a user.

The tests of one combination share an installation and run on one worker.
"""

import filecmp
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.suite import Outcome, run_suite

UV = os.environ.get("UV", "uv")
NO_BYTECODE = "PYTHONDONTWRITEBYTECODE"
LOCAL = ("127.0.0.1", "localhost")

Run = Callable[..., str]
Suite = Callable[..., Outcome]


@pytest.fixture(scope="session")
def workshop() -> Iterator[Path]:
    """A folder for each worker, in which one project after another is installed at the same path.

    `uv sync` makes the environment match the next project exactly. Bytecode and mypy's cache
    remain: both are invalidated when a file changes.
    """
    with TemporaryDirectory() as folder:
        Path(folder).chmod(0o711)  # a database server may run as another user
        yield Path(folder)


@pytest.fixture(scope="session")
def environment(workshop: Path) -> dict[str, str]:
    return environment_of(workshop)


def environment_of(workshop: Path) -> dict[str, str]:
    """Return the environment for the commands of a project.

    It names no proxy, because the project's tests call servers on this machine. Bytecode is
    written: without it, each process that imports the application takes two seconds longer.
    """
    # PYTEST_ variables describe this run's own pytest and xdist, not the project's.
    own = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("PYTEST_") and not is_proxy(name) and name != NO_BYTECODE
    }
    return own | {
        "MYPY_CACHE_DIR": str(workshop / "mypy"),
        "PATH": f"{workshop / 'venv' / 'bin'}{os.pathsep}{os.environ['PATH']}",
        "UV_PROJECT_ENVIRONMENT": str(workshop / "venv"),
        "UV_PYTHON": sys.executable,
    }


def is_proxy(name: str) -> bool:
    """Whether a variable names a proxy, or the hosts that are reached without one."""
    return name.casefold().endswith("_proxy")


def environment_of_uv(environment: Mapping[str, str]) -> dict[str, str]:
    """Add the proxies, which uv may need to download packages.

    Programs run by uv reach this machine directly. As in curl and urllib, `no_proxy` takes
    precedence over `NO_PROXY`.
    """
    proxies = {name: value for name, value in os.environ.items() if is_proxy(name)}
    direct = ",".join(filter(None, (_no_proxy(), *LOCAL)))
    return {**environment, **proxies, "NO_PROXY": direct, "no_proxy": direct}


def _no_proxy() -> str:
    return os.environ.get("no_proxy") or os.environ.get("NO_PROXY", "")


@pytest.fixture(scope="session")
def project(rendering: Path, workshop: Path) -> Path:
    """A copy of the rendering, so that tests that read the rendering don't see what tools write."""
    project = workshop / "myapp"
    restore(project, rendering)
    return project


def restore(project: Path, rendering: Path) -> None:
    """Make the project the same as the rendering, whatever has been done in it."""
    shutil.copytree(rendering, project, copy_function=_copy_if_changed, dirs_exist_ok=True)
    for path in sorted(project.rglob("*"), reverse=True):
        if "__pycache__" not in path.parts and not (rendering / path.relative_to(project)).exists():
            shutil.rmtree(path) if path.is_dir() else path.unlink()


def _copy_if_changed(source: str, target: str) -> str:
    """Skip unchanged files, so that their bytecode stays valid."""
    if not Path(target).exists() or not filecmp.cmp(source, target, shallow=False):
        shutil.copy(source, target)
    return target


@pytest.fixture(scope="session")
def run(project: Path, environment: dict[str, str]) -> Run:
    """Run a command in the project, and show its entire output if it fails."""

    def run(*command: str) -> str:
        done = subprocess.run(
            command,
            cwd=project,
            env=environment_of_uv(environment) if command[0] == UV else environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        if done.returncode:
            pytest.fail(f"$ {shlex.join(command)}\n{done.stdout}", pytrace=False)
        return done.stdout

    run(UV, "sync", "--quiet")
    return run


@pytest.fixture
def suite(run: Run, project: Path, environment: dict[str, str], tmp_path: Path) -> Suite:
    """Run the project's tests with these pytest options; `under` is a module that wraps pytest."""

    def suite(
        *options: str, under: tuple[str, ...] = (), packages: tuple[str, ...] = ()
    ) -> Outcome:
        if packages:
            venv = environment["UV_PROJECT_ENVIRONMENT"]
            run(UV, "pip", "install", "--quiet", f"--python={venv}", *packages)
        command = ("python", *under, "-m", "pytest", *options)
        return run_suite(command, project, environment, tmp_path / "report.xml")

    return suite


def share_of_processors() -> int:
    """Return how many workers each of the concurrent suites may use; 0 means none."""
    suites = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    share = (os.cpu_count() or 1) // suites
    return share if share > 1 else 0
