"""docs/promises.md: `python -m tests.promises` generates it from the names of the tests.

A test's name states what the test proves, so a promise cannot outlive its test.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

from tests.combinations import VALID, WORDS

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "promises.md"
TREES = ROOT / "tests" / "trees"
TEMPLATE = ROOT / "template"
LABELS = {
    ("database", "sqlite"): "SQLite",
    ("database", "postgres"): "PostgreSQL",
    ("use_redis", True): "Redis",
    ("use_celery", True): "Celery",
    ("use_websockets", True): "WebSockets",
}
HEAD = """\
# Promises

What a generated service promises, by the test file that proves it. `uv run poe docs` generates this
page from the names of the tests. `uv run pytest` runs the same files in every project.
"""


def page() -> str:
    folders = sorted(path for path in (TEMPLATE / "tests").iterdir() if any(path.glob("test_*.py")))
    folders.sort(key=lambda path: path.name == "platform")  # the machinery comes last
    parts = [HEAD, *(_section(f"`tests/{folder.name}/`", folder) for folder in folders)]
    return "\n".join([*parts, _section("The template itself", ROOT / "tests")])


def _section(title: str, folder: Path) -> str:
    files = (_file(path) for path in sorted(folder.glob("test_*.py")))
    return "\n".join([f"## {title}\n", *filter(None, files)])


def _file(path: Path) -> str:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    if not (promises := list(_promises(tree.body))):
        return ""
    root = TEMPLATE if TEMPLATE in path.parents else ROOT
    name = path.relative_to(root).as_posix()
    condition = _condition(name) if root == TEMPLATE else ""
    return "\n".join([f"`{name}`{condition}\n", *(f"- {each}" for each in promises), ""])


def _promises(nodes: list[ast.stmt]) -> Iterator[str]:
    for node in nodes:
        match node:
            case ast.ClassDef(body=body):
                yield from _promises(body)
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                if name.startswith("test_"):
                    yield name.removeprefix("test_").replace("_", " ")


def _condition(name: str) -> str:
    """Return the answers that the file depends on, according to `tests/trees/`."""
    holders = {each.id for each in VALID if name in _listed(each.id)}
    if len(holders) == len(VALID):
        return ""
    having = {
        LABELS[question, answer]: {each.id for each in VALID if each.answers[question] == answer}
        for question, answer in WORDS
    }
    if needed := [part for part, ids in having.items() if holders <= ids]:
        return f" (with {' and '.join(needed)})"
    if forbidden := [part for part, ids in having.items() if not holders & ids]:
        return f" (without {' or '.join(forbidden)})"
    enough = [part for part, ids in having.items() if ids <= holders]
    return f" (with {' or '.join(enough)})"


def _listed(combination: str) -> set[str]:
    return set((TREES / f"{combination}.txt").read_text(encoding="utf-8").split("\n"))


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
