"""`--stress`: the tests of each project pass in random order on a busy machine.

No test may depend on the tests before it or on the speed of the machine.
"""

from collections.abc import Callable
from random import SystemRandom

import pytest

from tests.combinations import Combination
from tests.failures import recorded, repeating, report_of
from tests.installing import Suite
from tests.stress import RANDOM_ORDER, busy_processors


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    metafunc.parametrize("time", range(metafunc.config.getoption("--times")))


def test_suite_passes_in_random_order_on_a_busy_machine(
    suite: Suite,
    combination: Combination,
    time: int,
    pytestconfig: pytest.Config,
    record_property: Callable[[str, object], None],
) -> None:
    first: int | None = pytestconfig.getoption("--seed")
    seed = SystemRandom().getrandbits(32) if first is None else first + time
    chosen: list[str] = pytestconfig.getoption("--suite") or []
    with busy_processors():
        outcome = suite(
            "-p", "randomly", f"--randomly-seed={seed}", *chosen, packages=(RANDOM_ORDER,)
        )
    figures = (len(outcome.failures), f"{outcome.seconds:.1f}", f"{outcome.cpu_seconds:.1f}")
    record_property("stress", [combination.id, *map(str, (seed, outcome.tests, *figures))])
    again = f"uv run pytest --stress --combination {combination.id} --seed {seed}"
    where = f"{combination.id}, seed {seed}"
    record_property("failures", recorded(outcome.failures, where, repeating(again, chosen)))
    if outcome.failures:
        pytest.fail(report_of(outcome.failures, outcome.output), pytrace=False)
