"""Group the tests of a combination on one worker of pytest-xdist.

Since pytest 9.2, `--dist=loadgroup` silently groups nothing (pytest-xdist issue 1386).
"""

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

from tests.combinations import VALID

COMBINATIONS = {each.id for each in VALID}
LONG = ("tests/test_update.py", "tests/test_workflows.py::test_own")


class Scheduling(LoadScopeScheduling):
    """Assign all tests of a combination to one worker, the largest groups first.

    Single tests fill the remaining time of the workers, the long ones first.
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
