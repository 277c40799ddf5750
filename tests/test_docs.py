"""The documents: what they repeat is up to date, and what they point to is there."""

import ast
import re
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.questions import PAGE, page

PROMISES = ("promises.md", "security.md")
DOCUMENTS = [ROOT / "README.md", *(ROOT / "docs").rglob("*.md"), *(ROOT / ".github").glob("*.md")]


def test_the_page_of_questions_is_up_to_date() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run `uv run python -m tests.questions`"


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_link_within_the_repository_leads_somewhere(document: Path) -> None:
    links = re.findall(r"\]\((?!https?:|#)([^)#]+)", document.read_text(encoding="utf-8"))
    dead = [link for link in links if not (document.parent / link).exists()]
    assert not dead


def test_every_decision_is_in_the_list() -> None:
    folder = ROOT / "docs" / "decisions"
    listed = set(re.findall(r"\]\((.+?)\)", (folder / "README.md").read_text(encoding="utf-8")))
    assert listed == {path.name for path in folder.glob("0*.md")}


@pytest.mark.parametrize("name", PROMISES)
def test_every_promise_names_tests_that_exist(name: str) -> None:
    """Up to the part about the template they are those of the service."""
    page = (ROOT / "docs" / name).read_text(encoding="utf-8")
    of_the_service, _, of_the_template = page.partition("\n## The template\n")
    for part, folder in ((of_the_service, ROOT / "template"), (of_the_template, ROOT)):
        named = re.findall(r"`(tests/[\w/]*test_\w+\.py)::(\w+)`", part)
        missing = [each for each in named if each[1] not in functions_of(folder / each[0])]
        assert named
        assert not missing


@pytest.mark.parametrize("name", PROMISES)
def test_every_promise_names_a_test(name: str) -> None:
    page = (ROOT / "docs" / name).read_text(encoding="utf-8")
    rows = [row for row in page.splitlines() if re.match(r"\| (?!(promise|threat|fault) \|)", row)]
    assert rows
    assert not [row for row in rows if "::" not in row.split(" | ")[-1]]


def functions_of(path: Path) -> set[str]:
    if not path.exists():
        return set()
    nodes = ast.parse(path.read_text(encoding="utf-8")).body
    return {node.name for node in nodes if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


def test_ci_runs_the_test_command_of_the_readme() -> None:
    """The README's command, with `uv` called through Python so that PATH does not matter."""
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert "uv run pytest" in script
    assert "uv run pytest" in readme
