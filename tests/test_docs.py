"""The documentation: generated pages are up to date, and references exist."""

import re
from pathlib import Path

import pytest

from tests import promises
from tests.conftest import ROOT
from tests.questions import PAGE, page

DOCUMENTS = [ROOT / "README.md", *(ROOT / "docs").rglob("*.md"), *(ROOT / ".github").glob("*.md")]


def test_page_of_questions_is_up_to_date() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run `uv run poe docs`"


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_within_the_repository_work(document: Path) -> None:
    links = re.findall(r"\]\((?!https?:|#)([^)#]+)", document.read_text(encoding="utf-8"))
    dead = [link for link in links if not (document.parent / link).exists()]
    assert not dead


def test_every_decision_is_listed() -> None:
    folder = ROOT / "docs" / "decisions"
    listed = set(re.findall(r"\]\((.+?)\)", (folder / "README.md").read_text(encoding="utf-8")))
    assert listed == {path.name for path in folder.glob("0*.md")}


def test_page_of_promises_is_up_to_date() -> None:
    assert promises.PAGE.read_text(encoding="utf-8") == promises.page(), "run `uv run poe docs`"


def test_every_threat_names_existing_test_files() -> None:
    """Look for tests of the service in `template/tests/`, and of the template in `tests/`."""
    text = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
    of_the_service, _, of_the_template = text.partition("\n## The template\n")
    for part, folder in (
        (of_the_service, ROOT / "template/tests"),
        (of_the_template, ROOT / "tests"),
    ):
        rows = [row for row in part.splitlines() if re.match(r"\| (?!(threat|fault) \||--)", row)]
        named = [re.findall(r"`([\w/]+\.py)`", row.split(" | ")[-1]) for row in rows]
        assert rows
        assert all(named)
        assert not [name for names in named for name in names if not (folder / name).exists()]


def test_ci_runs_the_test_command_of_the_readme() -> None:
    """Compare without what precedes `uv`: CI calls it through Python, so PATH does not matter."""
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert "uv run pytest" in script
    assert "uv run pytest" in readme
