"""The section "Remove projects" of the rendered tour, followed command by command."""

import re
import shlex
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.combinations import HEAVIEST_FIRST, Combination
from tests.failures import recorded, report_of
from tests.files import commit, git
from tests.installing import UV, Run, Suite, restore, share_of_processors

CORNERS: dict[str, list[str]] = {
    "sqlite": [],
    "sqlite-websockets": ["tests/api"],
    "postgres-redis-celery": ["tests/api"],
    "postgres-redis-celery-websockets": [],
}
"""The tests to run there; all if none is named.

Once WebSockets are off, both corners of a pair have the same files (`test_update.py`).
"""
COMBINATIONS = [each for each in HEAVIEST_FIRST if each.id in CORNERS]
PROGRAMS = {"uv": [UV], "uvx": [sys.executable, "-m"]}
CHECKS = {"ruff check --fix", "ruff format", "mypy", "lint-imports", "myapp db check", "pytest"}
NAMED = re.compile(r"Projects?\b|make_project|\bprojects\b")
AGAIN = "uv run pytest -n0 tests/test_remove_projects.py --combination"


def lines_of(tour: Path) -> list[str]:
    """The commands of the section, one a line."""
    _, _, section = tour.read_text(encoding="utf-8").partition("\n## Remove projects\n")
    blocks = re.findall(r"^( *)```sh\n(.+?)^\1```", section, re.MULTILINE | re.DOTALL)
    return [line.strip() for _, block in blocks for line in block.splitlines()]


@pytest.fixture
def owned(run: Run, project: Path, rendering: Path) -> Iterator[Path]:
    """The project in its owner's repository; the rendering again for the tests that follow."""
    git(project, "init", "--quiet")
    commit(project)
    yield project
    restore(project, rendering)
    run(UV, "sync", "--quiet")


def test_project_without_projects_passes_its_own_checks(
    owned: Path,
    run: Run,
    suite: Suite,
    combination: Combination,
    record_property: Callable[[str, object], None],
) -> None:
    *lines, last = lines_of(owned / "docs/tour.md")
    assert {f"uv run {check}" for check in CHECKS} <= {*lines, last}
    assert last == "uv run pytest"

    for program, *arguments in map(shlex.split, lines):
        run(*PROGRAMS.get(program, [program]), *arguments)
    outcome = suite(f"-n{share_of_processors()}", *CORNERS[combination.id])

    failures = outcome.failures
    record_property("failures", recorded(failures, combination.id, f"{AGAIN} {combination.id}"))
    if failures:
        pytest.fail(report_of(failures, outcome.output), pytrace=False)
    assert files_that_name_projects(owned) == ["app/schemas/reserved_slugs.py"]


def files_that_name_projects(folder: Path) -> list[str]:
    code = [path for part in ("app", "tests") for path in sorted((folder / part).rglob("*.py"))]
    return [
        path.relative_to(folder).as_posix()
        for path in code
        if NAMED.search(path.read_text(encoding="utf-8"))
    ]
