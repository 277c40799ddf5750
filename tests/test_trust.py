"""The template needs no `--trust`: it never runs its own code on a user's machine."""

import re
from pathlib import Path

import pytest
import yaml

from tests.conftest import ROOT

UNSAFE = {"_tasks", "_migrations", "_jinja_extensions", "_external_data"}
DECLARATIONS = [ROOT / "copier.yml", *sorted((ROOT / "extensions").glob("*.yml"))]


class Declaration(yaml.SafeLoader):
    """A loader that reads `!include` as the name of the file."""


Declaration.add_constructor("!include", lambda loader, node: {"include": node.value})


def settings_of(path: Path) -> dict[str, object]:
    documents = yaml.load_all(path.read_text(encoding="utf-8"), Loader=Declaration)
    return {key: value for document in documents for key, value in document.items()}


@pytest.mark.parametrize("path", DECLARATIONS, ids=lambda path: path.name)
def test_template_needs_no_trust(path: Path) -> None:
    assert not UNSAFE & settings_of(path).keys()


@pytest.mark.parametrize("path", DECLARATIONS, ids=lambda path: path.name)
def test_exclusions_work_without_the_answer(path: Path) -> None:
    """An update evaluates the new `_exclude` with the old answers: a new question is undefined."""
    lines = settings_of(path).get("_exclude", [])
    assert isinstance(lines, list)
    for line in lines:
        for condition in re.findall(r"{%-? *(?:el)?if (.*?)-?%}", line):
            for clause in re.split(r"\b(?:and|or)\b", condition):
                assert "default(" in clause, line


def test_each_part_is_included_by_name() -> None:
    """A glob would leave the order of the questions to the file system."""
    text = (ROOT / "copier.yml").read_text(encoding="utf-8")
    included = re.findall(r"^!include extensions/(.+)$", text, re.MULTILINE)
    assert sorted(included) == [path.name for path in DECLARATIONS[1:]]


def test_lock_file_names_only_the_public_registry() -> None:
    lock = (ROOT / "uv.lock").read_text(encoding="utf-8")
    assert set(re.findall(r'registry = "(.+?)"', lock)) == {"https://pypi.org/simple"}
    assert set(re.findall(r"https?://[^/]+/", lock)) == {
        "https://files.pythonhosted.org/",
        "https://pypi.org/",
    }
