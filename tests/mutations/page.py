"""docs/mutations.md: `python -m tests.mutations.page` writes it from the list."""

from pathlib import Path

from tests.mutations import MUTATIONS

PAGE = Path(__file__).parents[2] / "docs" / "mutations.md"
HEAD = """\
# Mutations

Each row breaks one security rule in a rendered project. `uv run pytest --mutations` makes the
changes one at a time and runs the tests in the last column: the run fails for every mutation that
no test notices. `tests/mutations/` holds the changes as data, and `tests/test_mutation_list.py`
reports the ones that no longer match the code. Written by `uv run poe docs`.

| broken rule | in | tests that must fail |
|---|---|---|
"""


def page() -> str:
    rows = (
        f"| {each.name} | `{each.file}` | {', '.join(f'`{path}`' for path in each.test_files)} |"
        for each in MUTATIONS
    )
    return HEAD + "\n".join(rows) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
