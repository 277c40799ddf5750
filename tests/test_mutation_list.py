"""The list of mutations keeps up with the code, and its table with the list."""

from tests.combinations import VALID
from tests.conftest import ROOT
from tests.measurements import MEASUREMENTS
from tests.mutations import MUTATIONS

TEMPLATE = ROOT / "template"
RECORDED = {each.name: each for each in MEASUREMENTS}["mutation"].recorded()


def test_what_a_mutation_changes_is_there_exactly_once() -> None:
    texts = {each.file: (TEMPLATE / each.file).read_text(encoding="utf-8") for each in MUTATIONS}
    for each in MUTATIONS:
        for old, new in each.changes:
            assert texts[each.file].count(old) == 1, each.name
            assert old != new, each.name


def test_what_a_mutation_names_exists() -> None:
    lacking = [each.name for each in MUTATIONS if len(each.test_files) != len(each.tests.split())]
    assert lacking == []
    assert {each.combination for each in MUTATIONS} <= {each.id for each in VALID}


def test_the_table_lists_each_mutation_and_the_test_that_noticed_it() -> None:
    again = "run `uv run pytest --mutations --record`"
    assert list(RECORDED) == [mutation.name for mutation in MUTATIONS], again
    for mutation in MUTATIONS:
        _, file, noticed_by = RECORDED[mutation.name]
        assert file == f"`{mutation.file}`", again
        path, _, name = noticed_by.strip("`").partition("::")
        assert path in mutation.test_files, again
        assert f"def {name}(" in (TEMPLATE / path).read_text(encoding="utf-8"), again
