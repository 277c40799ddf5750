"""The guides for agents: short, and every command in them works."""

import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.combinations import VALID
from tests.conftest import ROOT
from tests.installing import UV, Run
from tests.workflows import committed, copy_of_this_repository, runner_environment

COMBINATIONS = [VALID[0], VALID[-1]]  # the smallest and the largest
MOST_LINES = 60
PROGRAMS = {"uv": [UV], "uvx": [UV, "tool", "run"]}
COLLECT = {"PYTEST_ADDOPTS": "--collect-only --quiet"}  # other tests run the suites in full


def commands_of(guide: Path) -> list[list[str]]:
    text = guide.read_text(encoding="utf-8")
    blocks = re.findall(r"^```sh\n(.+?)^```", text, re.MULTILINE | re.DOTALL)
    lines = (shlex.split(line) for block in blocks for line in block.splitlines())
    return [[*PROGRAMS[program], *arguments] for program, *arguments in lines]


@pytest.fixture
def undone(project: Path) -> Iterator[None]:
    """Remove the database that the commands create, as another test needs a fresh project."""
    yield
    shutil.rmtree(project / ".dev", ignore_errors=True)
    for path in project.glob("app.db*"):
        path.unlink()


def test_rendered_guide_is_short(rendering: Path) -> None:
    assert len((rendering / "AGENTS.md").read_text(encoding="utf-8").splitlines()) <= MOST_LINES


@pytest.mark.usefixtures("undone")
def test_commands_in_the_rendered_guide_work(
    rendering: Path, run: Run, monkeypatch: pytest.MonkeyPatch, environment: dict[str, str]
) -> None:
    monkeypatch.setitem(environment, "PYTEST_ADDOPTS", COLLECT["PYTEST_ADDOPTS"])
    commands = commands_of(rendering / "AGENTS.md")
    assert len(commands) > 5
    for command in commands:
        run(*command)


def test_commands_in_our_own_guide_work(workshop: Path, tmp_path: Path) -> None:
    guide = ROOT / "AGENTS.md"
    assert len(guide.read_text(encoding="utf-8").splitlines()) <= MOST_LINES
    clone = committed(copy_of_this_repository(tmp_path / "clone"))
    venv = {"UV_PROJECT_ENVIRONMENT": str(workshop / "own-venv")}
    commands = commands_of(guide)
    assert len(commands) > 5
    for command in commands:
        done = subprocess.run(
            command,
            cwd=clone,
            env=runner_environment(clone) | venv | COLLECT,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"$ {shlex.join(command)}\n{done.stdout}{done.stderr}"
