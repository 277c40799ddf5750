"""Fixtures that render the working tree's template, each combination once per session."""

import fcntl
import os
import runpy
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import copier
import pytest
from jinja2.sandbox import SandboxedEnvironment

from tests import failures, installing, measurements, scheduling, stress
from tests.combinations import HEAVIEST_FIRST, VALID, Combination
from tests.table import Table

ROOT = Path(__file__).parent.parent
KEPT = ("HOME", "LANG", "LC_ALL", "PATH", "TMPDIR", "USER", "UV")
KEPT_GROUPS = ("UV_", "SSL_", "GIT_CONFIG_", "XDG_CACHE_", "PYTEST_")

Render = Callable[..., Path]
Rendered = Callable[[Combination], Path]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--combination", action="append", help="test only this combination; repeatable"
    )
    parser.addoption("--update-trees", action="store_true", help="rewrite tests/trees/")
    parser.addoption(
        "--update-statements", action="store_true", help="rewrite tests/benchmarks/statements.json"
    )
    parser.addoption("--fuzz", action="store_true", help="only fuzz four combinations")
    parser.addoption("--mutations", action="store_true", help="only test the mutations")
    parser.addoption("--pooler", action="store_true", help="only run a service behind PgBouncer")
    parser.addoption("--stress", action="store_true", help="only run the suites under load")
    parser.addoption("--times", type=int, default=1, help="with --stress: number of runs")
    parser.addoption("--seed", type=int, help="with --stress: test order to repeat")
    parser.addoption(
        "--suite", action="append", help="argument for the projects' own pytest; repeatable"
    )
    parser.addoption("--workflows", action="store_true", help="only run the workflows")
    parser.addoption("--record", action="store_true", help="write the results into docs/")


SWEEPER = pytest.StashKey[object]()


def pytest_configure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):  # the controller sweeps for its workers
        sweeping = runpy.run_path(str(ROOT / "template/tests/support/sweeping.py"))
        config.stash[SWEEPER] = sweeping["sweep_afterwards"]()
    config.pluginmanager.register(Table())
    config.pluginmanager.register(installing)
    config.pluginmanager.register(measurements)
    config.pluginmanager.register(scheduling)
    config.pluginmanager.register(failures)
    config.pluginmanager.register(stress)


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Use one worker more than there are processors, because suites often wait for servers.

    Use none with `--stress`, where the suites run one after the other.
    """
    return 0 if config.getoption("--stress") else 1 + (os.cpu_count() or 1)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run tests that take a `combination` with each one, or with their module's `COMBINATIONS`."""
    if "combination" not in metafunc.fixturenames or "mutation" in metafunc.fixturenames:
        return  # the mutation determines it
    wanted = metafunc.config.getoption("--combination") or [each.id for each in VALID]
    if unknown := set(wanted) - {each.id for each in VALID}:
        raise pytest.UsageError(f"Unknown combination: {', '.join(sorted(unknown))}")
    offered = getattr(metafunc.module, "COMBINATIONS", HEAVIEST_FIRST)
    metafunc.parametrize(
        "combination",
        [pytest.param(each, id=each.id) for each in offered if each.id in wanted],
        scope="session",
    )


@pytest.fixture(scope="session", autouse=True)
def clean_environment() -> Iterator[None]:
    """Hide the developer's DATABASE_URL, SECRET_KEY and so on from the projects under test."""
    with pytest.MonkeyPatch.context() as patch:
        for name in os.environ:
            kept = name in KEPT or name.startswith(KEPT_GROUPS) or installing.is_proxy(name)
            if not kept:
                patch.delenv(name)
        yield


@pytest.fixture(scope="session", autouse=True)
def compiled_once() -> Iterator[None]:
    """Cache what Jinja compiles. Recompiling each part of each path is half of a copy's cost."""
    compile_uncached = SandboxedEnvironment.compile
    compiled: dict[tuple[object, ...], object] = {}

    def compile_once(self: SandboxedEnvironment, *source: Any, **options: Any) -> object:
        key = (*source, *options.items())
        if key not in compiled:
            compiled[key] = compile_uncached(self, *source, **options)
        return compiled[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(SandboxedEnvironment, "compile", compile_once)
        yield


@pytest.fixture(scope="session")
def copier_template_paths() -> list[str]:
    """The paths that pytest-copier copies from the working tree into its repository."""
    return ["copier.yml", "extensions", "template"]


@pytest.fixture(scope="session")
def render(copier_template: Path) -> Render:
    """Render like a new user: without `--trust`, with the default for every other answer."""

    def render(destination: Path, template: Path = copier_template, **answers: Any) -> Path:
        copier.run_copy(
            str(template), destination, data=answers, defaults=True, quiet=True, unsafe=False
        )
        return destination

    return render


@pytest.fixture(scope="session")
def rendered(render: Render, tmp_path_factory: pytest.TempPathFactory) -> Rendered:
    """Render a combination once for all workers. Tests must not change the result."""
    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder = folder.parent

    def rendered(combination: Combination) -> Path:
        done = folder / combination.id
        with (folder / f"{combination.id}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not done.exists():
                began = tmp_path_factory.mktemp(combination.id)
                render(began / "myapp", **combination.answers)
                began.rename(done)
        return done / "myapp"

    return rendered


@pytest.fixture(scope="session")
def rendering(combination: Combination, rendered: Rendered) -> Path:
    return rendered(combination)


@pytest.fixture(scope="session")
def questions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The template without its files: it only asks the questions and records the answers."""
    path = tmp_path_factory.mktemp("questions")
    shutil.copy(ROOT / "copier.yml", path)
    shutil.copytree(ROOT / "extensions", path / "extensions")
    (path / "template").mkdir()
    shutil.copy(ROOT / "template" / "{{_copier_conf.answers_file}}.jinja", path / "template")
    return path
