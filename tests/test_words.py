"""Plain English: the words that betray a translation, in every rendering and in this repository."""

import ast
import re
from pathlib import Path

from tests.conftest import ROOT
from tests.files import contents_of, git

WORDS = re.compile(
    r"""\b(
        anew | beside | e-mails? | for\ ever | go(es)?\ on | he | her | him | himself | his
        | in\ vain | (is|are)\ told | lest | meanwhile | nobody\ else's | she | thereby | whoever
    )\b""",
    re.IGNORECASE | re.VERBOSE,
)
OPENINGS = ("Also ", "And ", "But ", "None if ", "Nor ", "Or ", "So that ")
"""What no docstring begins with: it must stand on its own."""

EXAMPLES = ("docs/style.md", "tests/test_words.py")
"""They show what to avoid."""


def words_in(name: str, text: str) -> list[str]:
    return [
        f"{name}:{number}: {match[0]!r} in {line.strip()}"
        for number, line in enumerate(text.splitlines(), start=1)
        for match in WORDS.finditer(line)
    ]


def openings_in(name: str, text: str) -> list[str]:
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    docstrings = [
        ast.get_docstring(node) or ""
        for node in ast.walk(ast.parse(text))
        if isinstance(node, documented)
    ]
    return [f"{name}: {text[:60]}" for text in docstrings if text.startswith(OPENINGS)]


def test_rendering_is_written_in_plain_english(rendering: Path) -> None:
    found = []
    for name, content in contents_of(rendering).items():
        text = content.decode()
        found += words_in(name, text) if name != "uv.lock" else []
        found += openings_in(name, text) if name.endswith(".py") else []
    assert not found, "\n".join(found)


def test_this_repository_is_written_in_plain_english() -> None:
    names = git(ROOT, "ls-files", "*.py", "*.md", "*.yml", "*.toml").splitlines()
    found = []
    for name in names:
        if name in EXAMPLES or name.startswith("template/"):
            continue
        text = (ROOT / name).read_text(encoding="utf-8")
        found += words_in(name, text)
        found += openings_in(name, text) if name.endswith(".py") else []
    assert not found, "\n".join(found)
