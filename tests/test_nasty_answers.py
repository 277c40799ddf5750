"""Any answer is either rejected in one sentence or written into the files without harm."""

import ast
import json
import re
import shutil
import tempfile
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.conftest import ROOT, Render
from tests.files import contents_of
from tests.test_refusals import SENTENCE

HARMLESS = "aZ9éß𠮷😀 .,;:!?&#%*+=~^@/()[]-_"
HARMFUL = "'<>{}|$\"`\\\n\r\t\0\x1b\x85\u00a0\u2028\u202e"
TEXT = st.text(st.sampled_from(HARMLESS + HARMFUL), max_size=9)
SLUG = st.from_regex(r"[a-z0-9-]{1,12}\n?", fullmatch=True)
EMAIL = st.from_regex(r"[a-z][a-z0-9._+]{0,9}@[a-z]{1,9}\.[a-z]{2,3}", fullmatch=True)
NASTY = st.one_of(
    st.tuples(
        st.sampled_from(["project_name", "project_description", "author_name", "author_email"]),
        TEXT | st.text(max_size=50),
    ),
    st.tuples(st.just("project_slug"), TEXT | SLUG),
)
# The same examples on every run; no shrinking, which would render for minutes.
QUICK = settings(
    deadline=None,
    derandomize=True,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.too_slow],  # the machine may be slow
)


def words(characters: str) -> st.SearchStrategy[str]:
    """Generate text that starts and ends with a letter: outer blanks would be rejected."""
    return st.text(st.sampled_from(characters), max_size=38).map(lambda text: f"A{text}z")


WELL_MEANT = st.fixed_dictionaries(
    {
        "project_name": words(HARMLESS),
        "project_slug": st.from_regex(r"[a-z]{2}[0-9]{2}(-[a-z0-9]{1,8}){0,3}", fullmatch=True),
        "project_description": words(HARMLESS + "'"),
        "author_name": words(HARMLESS + "'"),
        "author_email": EMAIL,
    }
)
PARSERS: dict[str, Callable[[str], Any]] = {
    ".toml": tomllib.loads,
    ".json": json.loads,
    ".yml": yaml.safe_load,
    ".yaml": yaml.safe_load,
}


def keys_of(value: object, slug: str) -> object:
    """Return the keys without their values, and the slug as `slug` where it is a key."""
    match value:
        case dict():
            return {"slug" if k == slug else k: keys_of(v, slug) for k, v in value.items()}
        case list():
            return [keys_of(item, slug) for item in value]
        case _:
            return type(value).__name__


def shapes_of(project: Path) -> dict[str, object]:
    """Return the structure of each file, by its path: keys of data, syntax nodes of code."""
    slug = yaml.safe_load((project / ".copier-answers.yml").read_text())["project_slug"]
    shapes: dict[str, object] = {}
    for name, content in contents_of(project).items():
        suffix, text = Path(name).suffix, content.decode()
        if suffix in PARSERS:
            shapes[name] = keys_of(PARSERS[suffix](text), slug)
        elif suffix == ".py":
            shapes[name] = [type(node).__name__ for node in ast.walk(ast.parse(text))]
    return shapes


@pytest.fixture(scope="session")
def spoken(questions: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The template with only those files that contain answers, so that it renders quickly."""
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


def assert_unharmed(project: Path, plain: Path, answers: dict[str, str]) -> None:
    assert shapes_of(project) == shapes_of(plain)
    metadata = tomllib.loads((project / "pyproject.toml").read_text())["project"]
    written = yaml.safe_load((project / ".copier-answers.yml").read_text())
    author = {"name": written["author_name"], "email": written["author_email"]}
    assert written.items() >= answers.items()
    assert metadata["name"] == written["project_slug"]
    assert metadata["description"] == written["project_description"]
    assert metadata["authors"] == [author]


@settings(max_examples=60, parent=QUICK)
@given(answers=WELL_MEANT)
def test_harmless_answers_are_written_verbatim(
    spoken: Path, plain: Path, render: Render, answers: dict[str, str]
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        assert_unharmed(render(Path(folder) / "myapp", spoken, **answers), plain, answers)


@settings(max_examples=100, parent=QUICK)
@given(nasty=NASTY)
def test_nasty_answer_is_rejected_or_does_no_harm(
    spoken: Path, plain: Path, render: Render, nasty: tuple[str, str]
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        project = Path(folder) / "myapp"
        refusal = ""
        try:
            render(project, spoken, **dict([nasty]))
        except ValueError as error:
            refusal = str(error)
        if refusal:
            assert SENTENCE.match(refusal)
            assert not project.exists()
        else:
            assert_unharmed(project, plain, dict([nasty]))
