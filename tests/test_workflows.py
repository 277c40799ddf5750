"""Every step of both workflows passes in a fresh clone.

PYTEST_ADDOPTS limits what pytest does there, because other tests run the suites in full, and
BENCHMARK_OPTIONS what is measured.
`--workflows` runs them as the workflows do.
"""

import shutil
from collections.abc import Callable, Iterator
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

COLLECT = {"PYTEST_ADDOPTS": "--collect-only --quiet", "BENCHMARK_OPTIONS": "--dry-run"}
ONE_TEST = "tests/api/test_health.py::test_readiness_needs_the_database"
RUN_ONE_TEST = {"PYTEST_ADDOPTS": f"-n0 --cov-fail-under=0 {ONE_TEST}"}


def scripts_of(repository: Path) -> set[str]:
    workflow = yaml.safe_load((repository / PATH).read_text(encoding="utf-8"))
    steps = [step for job in workflow["jobs"].values() for step in job["steps"]]
    return {step["run"] for step in steps if "run" in step}


def test_own_workflow_passes(workshop: Path, tmp_path: Path) -> None:
    """Run it for the event `schedule`, when every job is due."""
    origin = committed(copy_of_this_repository(tmp_path / "origin"))
    environment = COLLECT | {"UV_PROJECT_ENVIRONMENT": str(workshop / "own-venv")}
    choose = one_for_all("combination", "python")
    scripts = Workflow(origin, tmp_path / "clone", "schedule", choose, environment).run()
    assert set(scripts) == scripts_of(origin)


@pytest.fixture
def place(run: Run, project: Path, workshop: Path) -> Iterator[Path]:
    """The project's path, free for a clone: the shared environment is installed for that path."""
    aside = project.rename(workshop / "aside")
    yield project
    shutil.rmtree(project, ignore_errors=True)
    aside.rename(project)


def test_rendered_workflow_passes(
    rendering: Path, place: Path, workshop: Path, environment: dict[str, str], tmp_path: Path
) -> None:
    origin = shutil.copytree(rendering, tmp_path / "origin")
    shutil.copy(workshop / "aside" / "uv.lock", origin)  # users commit it, see their README
    shared = {name: environment[name] for name in ("MYPY_CACHE_DIR", "UV_PROJECT_ENVIRONMENT")}
    choose = one_for_all("python")
    scripts = Workflow(committed(origin), place, "push", choose, shared | RUN_ONE_TEST).run()
    assert set(scripts) == scripts_of(origin)


UNPINNED = "- uses: actions/checkout@v7\n        with: {persist-credentials: false}"
SMALL = """
name: Small
on: push
jobs:
  first:
    name: First
    runs-on: ubuntu-24.04
    timeout-minutes: 1
    outputs:
      word: ${{ steps.say.outputs.word }}
    steps:
      - name: Say
        id: say
        run: |
          echo "WORD=hello" >> "$GITHUB_ENV"
          echo "word=hello" >> "$GITHUB_OUTPUT"
      - name: Listen
        run: test "$WORD" = hello
  second:
    name: Second
    needs: first
    runs-on: ubuntu-24.04
    timeout-minutes: 1
    steps:
      - name: Listen
        env:
          WORD: ${{ needs.first.outputs.word }}
        run: test "$WORD" = hello
"""


@pytest.fixture
def run_small(tmp_path: Path) -> Callable[[str], list[str]]:
    def run_small(text: str) -> list[str]:
        path = tmp_path / "origin" / PATH
        path.parent.mkdir(parents=True)
        path.write_text(text)
        origin = committed(tmp_path / "origin")
        return Workflow(origin, tmp_path / "clone", "push", one_for_all()).run()

    return run_small


def test_values_reach_later_steps_and_jobs(run_small: Callable[[str], list[str]]) -> None:
    assert len(run_small(SMALL)) == 3


@pytest.mark.parametrize("script", ["exit 1", "false; true", "false | true"])
def test_failing_step_fails_the_workflow(
    run_small: Callable[[str], list[str]], script: str
) -> None:
    with pytest.raises(pytest.fail.Exception, match="second: Listen"):
        run_small(SMALL.removesuffix('test "$WORD" = hello\n') + script)


@pytest.mark.parametrize(
    ("known", "unknown"),
    [
        ("timeout-minutes: 1", "timeout-minutes: 1\n    services: {}"),
        ("id: say", "id: say\n        shell: sh"),
        ("on: push", "on: push\ndefaults: {}"),
        ("- name: Say", "- uses: docker/build-push-action@v6\n        with: {}\n      - name: Say"),
        ("- name: Say", f"{UNPINNED}\n      - name: Say"),
        ("echo ", "echo ${{ github.event_name }} "),
        ("word: $", "other: $"),
    ],
)
def test_unsupported_workflow_is_an_error(
    run_small: Callable[[str], list[str]], known: str, unknown: str
) -> None:
    with pytest.raises(UnsupportedError):
        run_small(SMALL.replace(known, unknown))


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
def test_expression_has_the_same_value_as_on_github(text: str, value: object) -> None:
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
