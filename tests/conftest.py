"""The template as it lies on disk, and each combination rendered from it, once a session."""

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
    parser.addoption("--combination", action="append", help="only this one; may be repeated")
    parser.addoption("--update-trees", action="store_true", help="write tests/trees/ anew")
    parser.addoption("--fuzz", action="store_true", help="fuzz four combinations, nothing else")
    parser.addoption("--mutations", action="store_true", help="try the mutations, nothing else")
    parser.addoption("--stress", action="store_true", help="run the suites under load, only that")
    parser.addoption("--times", type=int, default=1, help="how often, with --stress")
    parser.addoption("--seed", type=int, help="the order of the tests to repeat, with --stress")
    parser.addoption(
        "--suite", action="append", help="argument for a project's own pytest; may be repeated"
    )
    parser.addoption("--workflows", action="store_true", help="run the workflows, only that")
    parser.addoption("--record", action="store_true", help="write what these found into docs/")


SWEEPER = pytest.StashKey[object]()


def pytest_configure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):  # a worker belongs to the run that started it
        sweeping = runpy.run_path(str(ROOT / "template/tests/support/sweeping.py"))
        config.stash[SWEEPER] = sweeping["sweep_afterwards"]()
    config.pluginmanager.register(Table())
    config.pluginmanager.register(installing)
    config.pluginmanager.register(measurements)
    config.pluginmanager.register(scheduling)
    config.pluginmanager.register(failures)
    config.pluginmanager.register(stress)


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Take one more than processors, as a suite often waits for servers; none with `--stress`.

    Under stress, the suites run one after the other.
    """
    return 0 if config.getoption("--stress") else 1 + (os.cpu_count() or 1)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Whatever asks for a combination runs with each, or with the `COMBINATIONS` of its file."""
    if "combination" not in metafunc.fixturenames or "mutation" in metafunc.fixturenames:
        return  # a mutation brings its own
    wanted = metafunc.config.getoption("--combination") or [each.id for each in VALID]
    if unknown := set(wanted) - {each.id for each in VALID}:
        raise pytest.UsageError(f"There is no combination {', '.join(sorted(unknown))}.")
    offered = getattr(metafunc.module, "COMBINATIONS", HEAVIEST_FIRST)
    metafunc.parametrize(
        "combination",
        [pytest.param(each, id=each.id) for each in offered if each.id in wanted],
        scope="session",
    )


@pytest.fixture(scope="session", autouse=True)
def clean_environment() -> Iterator[None]:
    """No DATABASE_URL or SECRET_KEY of whoever runs the tests reaches a project under test."""
    with pytest.MonkeyPatch.context() as patch:
        for name in os.environ:
            kept = name in KEPT or name.startswith(KEPT_GROUPS) or installing.is_proxy(name)
            if not kept:
                patch.delenv(name)
        yield


@pytest.fixture(scope="session", autouse=True)
def compiled_once() -> Iterator[None]:
    """Copier has Jinja compile each part of each path anew, which is half of what a copy costs."""
    compile_anew = SandboxedEnvironment.compile
    compiled: dict[tuple[object, ...], object] = {}

    def compile_once(self: SandboxedEnvironment, *source: Any, **options: Any) -> object:
        key = (*source, *options.items())
        if key not in compiled:
            compiled[key] = compile_anew(self, *source, **options)
        return compiled[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(SandboxedEnvironment, "compile", compile_once)
        yield


@pytest.fixture(scope="session")
def copier_template_paths() -> list[str]:
    """What pytest-copier copies into the repository that it makes of the working tree."""
    return ["copier.yml", "extensions", "template"]


@pytest.fixture(scope="session")
def render(copier_template: Path) -> Render:
    """Renders as a stranger does: without `--trust`, every question answered by its default."""

    def render(destination: Path, template: Path = copier_template, **answers: Any) -> Path:
        copier.run_copy(
            str(template), destination, data=answers, defaults=True, quiet=True, unsafe=False
        )
        return destination

    return render


@pytest.fixture(scope="session")
def rendered(render: Render, tmp_path_factory: pytest.TempPathFactory) -> Rendered:
    """A combination as rendered, once for all workers; for looking at only."""
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
    """The template without its files: it only asks, and writes the answers down."""
    path = tmp_path_factory.mktemp("questions")
    shutil.copy(ROOT / "copier.yml", path)
    shutil.copytree(ROOT / "extensions", path / "extensions")
    (path / "template").mkdir()
    shutil.copy(ROOT / "template" / "{{_copier_conf.answers_file}}.jinja", path / "template")
    return path
