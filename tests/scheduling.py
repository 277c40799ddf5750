"""Which tests a worker of pytest-xdist takes together.

Not by `--dist=loadgroup`: since pytest 9.2 it groups nothing, silently (pytest-xdist issue 1386).
"""

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

from tests.combinations import VALID

COMBINATIONS = {each.id for each in VALID}
LONG = ("tests/test_update.py", "tests/test_workflows.py::test_own")


class Scheduling(LoadScopeScheduling):
    """The tests of a combination go to one worker in one go, the large groups first.

    The single tests come last and fill what is left of a worker's time, the long ones first.
    """

    def _split_scope(self, nodeid: str) -> str:
        return group_of(nodeid)


@pytest.hookimpl
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: not item.nodeid.startswith(LONG))


@pytest.hookimpl
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> Scheduling:
    return Scheduling(config, log)


def group_of(nodeid: str) -> str:
    _, _, parameter = nodeid.removesuffix("]").rpartition("[")
    combination, _, _ = parameter.partition(": ")
    return combination if combination in COMBINATIONS else nodeid
