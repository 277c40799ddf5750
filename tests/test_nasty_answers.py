"""Whatever is answered: it is refused in one sentence, or every file says it, unharmed."""

import ast
import json
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.conftest import ROOT, Render
from tests.files import contents_of
from tests.test_refusals import SENTENCE

NASTY = "aZ9éß𠮷😀 .,;:!?&#%*+=~^@/()[]<>{}|$'\"`\\\n\r\t\0\x1b\x85\u00a0\u2028\u202e-_"
TEXT = st.text(st.sampled_from(NASTY), max_size=12) | st.text(max_size=70)
WELL_MEANT = st.text(st.sampled_from("aZ9éß𠮷😀 .,;:!?&#%*+=~^@/()[]'-_"), min_size=1, max_size=60)
SLUG = st.from_regex(r"\A[a-z0-9-]{1,12}\Z")
ANSWERS = st.fixed_dictionaries(
    {},
    optional={
        "project_name": TEXT | WELL_MEANT,
        "project_slug": TEXT | SLUG,
        "project_description": TEXT | WELL_MEANT,
        "author_name": TEXT | WELL_MEANT,
        "author_email": TEXT | st.emails(),
    },
)
PARSERS: dict[str, Callable[[str], Any]] = {
    ".toml": tomllib.loads,
    ".json": json.loads,
    ".yml": yaml.safe_load,
    ".yaml": yaml.safe_load,
    ".py": lambda text: ast.dump(ast.parse(re.sub(r'"[^"\n]*"', '""', text))),
}


def shape_of(value: object, slug: str) -> object:
    """The keys without the values; the slug is itself a key where it names the command."""
    match value:
        case dict():
            return {"slug" if k == slug else k: shape_of(v, slug) for k, v in value.items()}
        case list():
            return [shape_of(item, slug) for item in value]
        case _:
            return type(value).__name__


def shapes_of(project: Path) -> dict[str, object]:
    """The shape of each file that a program reads, by its path."""
    slug = yaml.safe_load((project / ".copier-answers.yml").read_text())["project_slug"]
    return {
        name: shape_of(PARSERS[Path(name).suffix](content.decode()), slug)
        for name, content in contents_of(project).items()
        if Path(name).suffix in PARSERS
    }


@pytest.fixture(scope="session")
def spoken(questions: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The template with only the files that an answer is written into: quick to render."""
    path = tmp_path_factory.mktemp("spoken")
    shutil.copytree(questions, path, dirs_exist_ok=True)
    for source in (ROOT / "template").rglob("*.jinja"):
        if re.search(r"\b(project|author)_", source.read_text(encoding="utf-8")):
            target = path / source.relative_to(ROOT)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, target)
    return path


@pytest.fixture(scope="session")
def plain(spoken: Path, render: Render, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return render(tmp_path_factory.mktemp("plain") / "myapp", spoken)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(answers=ANSWERS)
def test_an_answer_is_refused_or_harms_nothing(
    spoken: Path, plain: Path, render: Render, answers: dict[str, str]
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        project = Path(folder) / "myapp"
        try:
            render(project, spoken, **answers)
        except ValueError as error:
            refusal = str(error)
        else:
            refusal = ""
        if refusal:
            assert SENTENCE.match(refusal)
            assert not project.exists()
            return
        assert shapes_of(project) == shapes_of(plain)
        metadata = tomllib.loads((project / "pyproject.toml").read_text())["project"]
        written = yaml.safe_load((project / ".copier-answers.yml").read_text())
        assert written.items() >= answers.items()
        assert metadata["name"] == written["project_slug"]
        assert metadata["description"] == written["project_description"]
        assert metadata["authors"] == [
            {"name": written["author_name"], "email": written["author_email"]}
        ]


LONG = {
    "latin": ("N" * 40, "D" * 200, "A" * 80),
    "wide": ("名" * 40, "説" * 200, "著" * 80),
    "look-alike": ("Аррlе – οne", "It’s O'Brien's – ‘ours’!", "Κώστας O'Brien"),
}


@pytest.mark.parametrize("answers", LONG.values(), ids=LONG)
def test_code_stays_clean_however_long_and_foreign_an_answer_is(
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
