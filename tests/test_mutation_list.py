"""The list of mutations matches the code, and the generated page matches the list."""

from tests.combinations import VALID
from tests.conftest import ROOT
from tests.mutations import MUTATIONS
from tests.mutations.page import PAGE, page

TEMPLATE = ROOT / "template"


def test_mutated_text_occurs_exactly_once() -> None:
    texts = {each.file: (TEMPLATE / each.file).read_text(encoding="utf-8") for each in MUTATIONS}
    for each in MUTATIONS:
        for old, new in each.changes:
            assert texts[each.file].count(old) == 1, each.name
            assert old != new, each.name


def test_every_named_test_file_and_combination_exists() -> None:
    lacking = [each.name for each in MUTATIONS if len(each.test_files) != len(each.tests.split())]
    assert lacking == []
    assert {each.combination for each in MUTATIONS} <= {each.id for each in VALID}


def test_page_of_mutations_is_up_to_date() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run `uv run poe docs`"
