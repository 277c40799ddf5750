"""The default answers, the recorded answers, and the message after a copy."""

import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

from tests.conftest import Render


def answers_of(project: Path) -> dict[str, object]:
    answers = yaml.safe_load((project / ".copier-answers.yml").read_text(encoding="utf-8"))
    assert isinstance(answers, dict)
    return answers


@pytest.mark.parametrize(
    ("folder", "name", "slug"),
    [
        ("myapp", "myapp", "myapp"),
        ("My Shop", "My Shop", "my-shop"),
        ("Straße & Café_42", "Straße & Café_42", "strasse-cafe-42"),
        ("3 monkeys", "3 monkeys", "monkeys"),
        ("日本", "日本", "my-service"),
        ("test", "test", "test-service"),
        ("app", "app", "app-service"),
        ("it's {mine}", "My Service", "my-service"),
        ("a" * 34 + " long", "a" * 34 + " long", "a" * 34 + "-long"),
        ("a" * 41, "My Service", "my-service"),
    ],
)
def test_names_default_to_the_folder(
    questions: Path, render: Render, tmp_path: Path, folder: str, name: str, slug: str
) -> None:
    answers = answers_of(render(tmp_path / folder, questions))
    assert (answers["project_name"], answers["project_slug"]) == (name, slug)


def test_name_defaults_to_the_current_folder(
    questions: Path, render: Render, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "shop"
    folder.mkdir()
    monkeypatch.chdir(folder)
    assert answers_of(render(Path(), questions))["project_name"] == "shop"


def test_answers_are_recorded_verbatim(questions: Path, render: Render, tmp_path: Path) -> None:
    given = {
        "project_name": "Größe 𠮷 & Co.",
        "project_slug": "groesse-2",
        "project_description": "O'Brien's shop: 100 % «good», #1!",
        "author_name": "Zoë O'Brien",
        "author_email": "zoe.o+b@mail.example.co",
        "database": "postgres",
    }
    answers = answers_of(render(tmp_path / "x", questions, **given))
    assert {key: answers[key] for key in given} == given


@pytest.mark.parametrize("destination", ["myapp", "my app", "deep/er/myapp", "."])
def test_message_after_a_copy_shows_valid_commands(
    copier_template: Path, tmp_path: Path, destination: str
) -> None:
    """Run the literal command of a user, without `--trust` and without a terminal."""
    done = subprocess.run(
        [sys.executable, "-m", "copier", "copy", "--defaults", str(copier_template), destination],
        cwd=tmp_path,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    commands = re.findall(r"^  (\S.*)$", done.stderr.split("Next:")[1], re.MULTILINE)
    enter, test, git, dev = [shlex.split(command) for command in commands]
    assert enter[0] == "cd"
    project = tmp_path / enter[1]
    assert project.resolve() == (tmp_path / destination).resolve()
    scripts = tomllib.loads((project / "pyproject.toml").read_text())["project"]["scripts"]
    assert test == ["uv", "run", "pytest"]
    assert git[:2] == ["git", "init"]
    assert [dev] == [["uv", "run", name, "dev"] for name in scripts]


LONG = {
    "latin": ("N" * 40, "D" * 200, "A" * 80),
    "wide": ("名" * 40, "説" * 200, "著" * 80),
    "look-alike": ("Аррlе – οne", "It’s O'Brien's – ‘ours’!", "Κώστας O'Brien"),
}


@pytest.mark.parametrize("answers", LONG.values(), ids=LONG)
def test_code_stays_clean_with_long_and_foreign_answers(
    render: Render, tmp_path: Path, answers: tuple[str, str, str]
) -> None:
    name, description, author = answers
    project = render(
        tmp_path / "myapp",
        project_name=name,
        project_slug="s" * 40,
        project_description=description,
        author_name=author,
    )
    for command in ("check", "format --check"):
        done = subprocess.run(
            [sys.executable, "-m", "ruff", *command.split()],
            cwd=project,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout
