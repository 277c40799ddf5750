"""Invalid answers are rejected in one sentence, and nothing is written."""

import json
import keyword
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.combinations import INVALID, Combination
from tests.conftest import Render

SENTENCE = re.compile(r"Validation error for question '\w+': [A-Z][^\n]*\.\Z")

TEXTS = ("project_name", "project_description", "author_name")
BAD_TEXTS = {
    "empty": "",
    "blank": "  ",
    "space-before": " x",
    "line-break-after": "x\n",
    "line-break": "x\ny",
    "tab": "x\ty",
    "nul": "x\0y",
    "escape": "x\x1b[31m",
    "right-to-left": "x\u202ey",
    "no-break-space": "x\u00a0y",
    "double-quote": 'x"y',
    "backquote": "x`y",
    "braces": "{{ x }}",
    "backslash": "x\\y",
    "dollar": "${x}",
    "angle": "<b>",
    "signs-only": "-.-",
    "too-long": "x" * 201,
}
BAD_SLUGS = [
    "",
    "My",
    "my_app",
    "my app",
    "-my",
    "my-",
    "my--app",
    "1st",
    "größe",
    "my\n",
    "my.app",
    "../my",
    "a" * 41,
    "class",
    "true",
    "json",
    "test",
    "site",
    "app",
    "python",
    "uv",
    "fastapi",
    "pytest",
    "alembic",
    "uvicorn",
    "ruff",
    "mypy",
    "lint-imports",
]
BAD_EMAILS = [
    "",
    "x",
    "x@y",
    "x@y.z\n",
    "x y@z.org",
    '"x"@y.org',
    "x@y..org",
    "ü@y.org",
    "x@@y.org",
]
BAD_ANSWERS = [
    *[
        pytest.param(question, text, id=f"{question}-{name}")
        for question in TEXTS
        for name, text in BAD_TEXTS.items()
    ],
    pytest.param("project_name", "it's", id="project_name-quote"),
    *[pytest.param("project_slug", slug, id=f"project_slug-{slug!r:.20}") for slug in BAD_SLUGS],
    *[pytest.param("author_email", email, id=f"author_email-{email!r}") for email in BAD_EMAILS],
]


@pytest.mark.parametrize(("question", "answer"), BAD_ANSWERS)
def test_invalid_answer_gets_one_sentence_and_writes_nothing(
    questions: Path, render: Render, tmp_path: Path, question: str, answer: str
) -> None:
    with pytest.raises(ValueError, match=SENTENCE):
        render(tmp_path / "myapp", questions, **{question: answer})
    assert not (tmp_path / "myapp").exists()


def test_unknown_database_is_rejected(questions: Path, render: Render, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="'mysql' is not in"):
        render(tmp_path / "myapp", questions, database="mysql")
    assert not (tmp_path / "myapp").exists()


@pytest.mark.parametrize("refused", INVALID, ids=lambda refused: refused.id)
def test_incompatible_answers_are_rejected(
    questions: Path, render: Render, tmp_path: Path, refused: Combination
) -> None:
    with pytest.raises(ValueError, match=SENTENCE):
        render(tmp_path / "myapp", questions, **refused.answers)
    assert not (tmp_path / "myapp").exists()


@pytest.mark.parametrize("refused", INVALID, ids=lambda refused: refused.id)
def test_command_explains_incompatible_answers_in_its_last_line(
    questions: Path, tmp_path: Path, refused: Combination
) -> None:
    """Pass only what differs from the defaults, like a user."""
    given = [f"-d{name}={answer}".lower() for name, answer in refused.answers.items() if answer]
    done = subprocess.run(
        [sys.executable, "-m", "copier", "copy", "--defaults", *given, str(questions), "myapp"],
        cwd=tmp_path,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0
    assert SENTENCE.search(done.stderr.strip().splitlines()[-1])
    assert not (tmp_path / "myapp").exists()


def reserved(questions: Path, render: Render, tmp_path: Path, name: str) -> set[str]:
    probe = shutil.copytree(questions, tmp_path / "probe")
    (probe / "template" / "names.json.jinja").write_text(
        f"{{% from 'extensions/reserved.jinja' import {name} %}}{{{{ {name} | to_json }}}}"
    )
    return set(json.loads((render(tmp_path / "out", probe) / "names.json").read_text()))


def test_slug_cannot_be_a_python_keyword(questions: Path, render: Render, tmp_path: Path) -> None:
    words = {*keyword.kwlist, *keyword.softkwlist}
    assert {word for word in words if re.fullmatch("[a-z]+", word)} <= reserved(
        questions, render, tmp_path, "keywords"
    )


def test_slug_cannot_be_a_standard_library_module(
    questions: Path, render: Render, tmp_path: Path
) -> None:
    modules = {name for name in sys.stdlib_module_names if re.fullmatch("[a-z][a-z0-9]*", name)}
    assert modules <= reserved(questions, render, tmp_path, "standard_library")


def test_slug_cannot_be_a_dependency_of_the_project(
    questions: Path, render: Render, tmp_path: Path, rendering: Path
) -> None:
    project = tomllib.loads((rendering / "pyproject.toml").read_text())
    wanted = [*project["project"]["dependencies"], *project["dependency-groups"]["dev"]]
    names = {match[0] for each in wanted if (match := re.match(r"[a-z0-9-]+", each))}
    assert names <= reserved(questions, render, tmp_path, "packages")
