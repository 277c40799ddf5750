"""The optional parts, which add and remove their features independently of each other."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

from tests.combinations import QUESTIONS, VALID, WORDS, Answer
from tests.conftest import Rendered
from tests.features import KINDS, Features
from tests.parts import PAGES, on_page

# The entry points of a project, which no module needs to import.
ENTRIES = {"app.__main__", "app.cli", "app.main"}


@pytest.fixture(scope="session")
def everything(rendered: Rendered) -> dict[str, Path]:
    """Each combination's rendering, by its ID."""
    return {each.id: rendered(each) for each in VALID}


@pytest.mark.parametrize("kind", KINDS)
def test_each_feature_depends_on_at_most_one_answer(everything: dict[str, Path], kind: str) -> None:
    """Parse the files: no setting or service outlives its part, and none needs two answers."""
    found: dict[str, Features] = {name: KINDS[kind](path) for name, path in everything.items()}
    expected = {frozenset(found), *map(_having, WORDS)}
    for name in {name for features in found.values() for name in features}:
        holders = frozenset(each for each, features in found.items() if name in features)
        assert holders in expected, f"{kind}: {name} is in {', '.join(sorted(holders))}"


def _having(part: tuple[str, Answer]) -> frozenset[str]:
    question, answer = part
    return frozenset(each.id for each in VALID if each.answers[question] == answer)


def test_every_answer_has_words_that_vanish_with_it() -> None:
    chosen = {(name, answer) for name, answers in QUESTIONS.items() for answer in answers if answer}
    assert chosen == set(WORDS)


def test_no_module_is_an_orphan(rendering: Path) -> None:
    """A module that is neither imported nor named was forgotten when its part was removed."""
    modules = {
        _dotted(path.relative_to(rendering)): path
        for folder in ("app", "development")
        for path in rendering.rglob(f"{folder}/**/*.py")
    }
    reached, waiting = set[str](), set(ENTRIES)
    while waiting:
        name = waiting.pop()
        reached.add(name)
        parent, _, _ = name.rpartition(".")
        waiting |= ({parent, *_mentioned(modules[name])} & modules.keys()) - reached
    assert sorted(modules.keys() - reached) == []


def test_no_test_helper_is_an_orphan(rendering: Path) -> None:
    modules = {
        _dotted(path.relative_to(rendering)): path for path in rendering.rglob("tests/**/*.py")
    }
    used = set[str]().union(*map(_mentioned, modules.values()))
    shared = {name for name in modules if not re.search(r"\.(test_\w+|conftest)$|^tests$", name)}
    assert sorted(shared - used) == []


def _dotted(path: Path) -> str:
    parts = path.with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@cache
def _mentioned(path: Path) -> frozenset[str]:
    """Return modules that a file imports, or names as `app.module` or a `file.py` in its folder."""
    names = set[str]()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        match node:
            case ast.Import():
                names |= {alias.name for alias in node.names}
            case ast.ImportFrom(module=str(module)):
                names |= {module, *(f"{module}.{alias.name}" for alias in node.names)}
            case ast.Constant(value=str(text)):
                names |= set(re.findall(r"\bapp(?:\.\w+)+", text))
                if re.fullmatch(r"\w+\.py", text):
                    names |= {
                        f"{package}{path.parent.name}.{text.removesuffix('.py')}"
                        for package in ("app.", "")
                    }
    return frozenset(names)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_page_of_a_part_is_up_to_date(everything: dict[str, Path], page: Path) -> None:
    actual = page.read_text(encoding="utf-8")
    assert actual == on_page(page, everything), "run `uv run poe docs`"
