"""Every step of both workflows runs, in a fresh clone.

As the suites themselves run elsewhere, PYTEST_ADDOPTS has pytest do less. `--workflows` runs all.
"""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.combinations import VALID
from tests.installing import Run
from tests.workflows import (
    PATH,
    UnsupportedError,
    Workflow,
    committed,
    copy_of_this_repository,
    evaluate,
    one_for_all,
)

COMBINATIONS = [VALID[0], VALID[-1]]  # the smallest and the largest

COLLECT = {"PYTEST_ADDOPTS": "--collect-only --quiet"}
ONE_TEST = "tests/test_health.py::test_readiness_asks_the_database"
RUN_ONE_TEST = {"PYTEST_ADDOPTS": f"-n0 --cov-fail-under=0 {ONE_TEST}"}


def scripts_of(repository: Path) -> set[str]:
    workflow = yaml.safe_load((repository / PATH).read_text(encoding="utf-8"))
    steps = [step for job in workflow["jobs"].values() for step in job["steps"]]
    return {step["run"] for step in steps if "run" in step}


def test_own_workflow_passes(tmp_path: Path) -> None:
    """On a Monday, when all of its jobs run."""
    origin = committed(copy_of_this_repository(tmp_path / "origin"))
    environment = COLLECT | {"UV_PROJECT_ENVIRONMENT": str(tmp_path / "venv")}
    choose = one_for_all("combination", "python")
    scripts = Workflow(origin, tmp_path / "clone", "schedule", choose, environment).run()
    assert set(scripts) == scripts_of(origin)


@pytest.fixture
def place(run: Run, project: Path, workshop: Path) -> Iterator[Path]:
    """The project's folder, for another one: what is installed is installed for that path."""
    aside = project.rename(workshop / "aside")
    yield project
    shutil.rmtree(project, ignore_errors=True)
    aside.rename(project)


def test_rendered_workflow_passes(
    rendering: Path, place: Path, workshop: Path, environment: dict[str, str], tmp_path: Path
) -> None:
    origin = shutil.copytree(rendering, tmp_path / "origin")
    shutil.copy(workshop / "aside" / "uv.lock", origin)  # `uv run` wrote it, as for a user
    shared = {name: environment[name] for name in ("MYPY_CACHE_DIR", "UV_PROJECT_ENVIRONMENT")}
    choose = one_for_all("python")
    scripts = Workflow(committed(origin), place, "push", choose, shared | RUN_ONE_TEST).run()
    assert set(scripts) == scripts_of(origin)


CONTEXTS: dict[str, Any] = {
    "github": {"event_name": "push"},
    "matrix": {"python": "3.14"},
    "needs": {
        "one": {"result": "success", "outputs": {"lists": '{"pythons": ["3.11"]}'}},
        "other": {"result": "failure", "outputs": {}},
    },
}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("plain", "plain"),
        ("Python ${{ matrix.python }}, ${{ github.event_name }}", "Python 3.14, push"),
        ("${{ matrix.python == '3.14' }}", True),
        ("may fail: ${{ matrix.python != '3.14' }}", "may fail: false"),
        ("${{ github.event_name == 'schedule' || github.event_name == 'Push' }}", True),
        ("${{ fromJSON(needs.one.outputs.lists).pythons }}", ["3.11"]),
        ("${{ join(needs.*.result, ' ') }}", "success failure"),
        ("${{ always() }}", True),
    ],
)
def test_expression_has_the_value_that_github_gives_it(text: str, value: object) -> None:
    assert evaluate(text, CONTEXTS) == value


@pytest.mark.parametrize(
    "expression",
    [
        "matrix.combination",
        "needs.other.outputs.lists",
        "secrets.TOKEN",
        "hashFiles('uv.lock')",
        "matrix.python matrix.python",
        "matrix.python ==",
        "matrix",
        "!always()",
    ],
)
def test_unknown_expression_is_an_error(expression: str) -> None:
    with pytest.raises(UnsupportedError):
        evaluate(f"value: ${{{{ {expression} }}}}", CONTEXTS)
