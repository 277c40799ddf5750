"""The files of each combination; `uv run poe trees` updates the lists."""

import re
from pathlib import Path

import pytest

from tests.combinations import VALID, Combination
from tests.conftest import ROOT
from tests.files import files_of

TREES = Path(__file__).parent / "trees"


def test_combination_has_the_files_on_its_list(
    combination: Combination, rendering: Path, request: pytest.FixtureRequest
) -> None:
    actual = "".join(f"{path.relative_to(rendering).as_posix()}\n" for path in files_of(rendering))
    snapshot = TREES / f"{combination.id}.txt"
    if request.config.getoption("--update-trees"):
        snapshot.write_text(actual, encoding="utf-8")
    assert snapshot.exists(), "no list yet: run `uv run poe trees`"
    assert actual.splitlines() == snapshot.read_text(encoding="utf-8").splitlines()


def test_lists_match_the_combinations() -> None:
    assert {path.stem for path in TREES.iterdir()} == {combination.id for combination in VALID}


def test_every_file_claimed_by_a_part_exists() -> None:
    """A file that is renamed, but not in the manifest, would appear in every project."""
    for manifest in (ROOT / "extensions").glob("*.yml"):
        claimed = re.findall(r"^ *(/\S+)$", manifest.read_text(encoding="utf-8"), re.MULTILINE)
        assert claimed, manifest.name
        for path in claimed:
            found = list((ROOT / "template").glob(f"{path[1:]}*"))
            assert found, f"{manifest.name}: {path}"
