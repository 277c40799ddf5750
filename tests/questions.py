"""docs/questions.md: `python -m tests.questions` generates it from the questions."""

from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "questions.md"

INTRODUCTION = """\
# Questions

`uv run poe docs` generates this page from `copier.yml` and `extensions/`.

Copier rejects an invalid answer with one sentence and writes nothing. If the answer was given as
`-d name=value`, that sentence is the last line of a traceback. Copier ignores an answer whose name
is misspelled: check `.copier-answers.yml` after the copy.
"""


class _Loader(yaml.SafeLoader):
    """A loader that reads the files named by `!include`."""


def _include(_: yaml.SafeLoader, node: yaml.ScalarNode) -> dict[str, Any]:
    return _read(ROOT / node.value)


_Loader.add_constructor("!include", _include)


def page() -> str:
    return "\n".join([INTRODUCTION, *map(_section, _questions())])


def _questions() -> list[tuple[str, dict[str, Any]]]:
    everything = _read(ROOT / "copier.yml")
    return [(name, asked) for name, asked in everything.items() if not name.startswith("_")]


def _read(path: Path) -> dict[str, Any]:
    documents = yaml.load_all(path.read_text(encoding="utf-8"), Loader=_Loader)
    return {key: value for document in documents for key, value in document.items()}


def _section(question: tuple[str, dict[str, Any]]) -> str:
    name, asked = question
    lines = [f"## {name}", "", asked["help"], ""]
    lines += [f"- `{value}`: {label.partition(': ')[2]}" for label, value in _choices(asked)]
    lines += [f"- Default: {_default(asked['default'])}"]
    lines += [f"- Asked only with `{asked['when'].strip('{} ')}`"] if "when" in asked else []
    lines.append("")
    return "\n".join(lines)


def _choices(asked: dict[str, Any]) -> list[tuple[str, str]]:
    return list(asked.get("choices", {}).items())


def _default(value: object) -> str:
    text = str(value).lower() if isinstance(value, bool) else str(value)
    if "_folder_name" in text:
        return "the name of the destination folder"
    return "derived from earlier answers" if "{%" in text else f"`{text}`"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
