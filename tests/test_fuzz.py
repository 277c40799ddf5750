"""`--fuzz`: no request makes the service fail or contradict its OpenAPI document.

Each combination is started with `dev`, which also starts the servers that it needs.
"""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.combinations import Combination
from tests.fuzzing import CORNERS, SETTINGS, fuzz
from tests.installing import Run
from tests.running import dev

COMBINATIONS = CORNERS

Try = Callable[[str], None]


@pytest.fixture
def fuzz_as(
    run: Run,
    project: Path,
    environment: dict[str, str],
    combination: Combination,
    record_property: Callable[[str, object], None],
    tmp_path: Path,
) -> Try:
    def fuzz_as(caller: str) -> None:
        with dev(project, environment | SETTINGS, tmp_path / "log") as server:
            found = fuzz(server.port, caller, project, environment | SETTINGS, tmp_path)
            server.press_ctrl_c()
        figures = (found.operations, found.cases, found.failures)
        record_property("fuzz", [f"{combination.id}, {caller}", *map(str, figures)])
        if found.failures or not found.operations:
            pytest.fail(found.output, pytrace=False)
        assert "Traceback" not in server.log.read_text()

    return fuzz_as


def test_fuzzing_as_administrator_finds_nothing(fuzz_as: Try) -> None:
    fuzz_as("administrator")


def test_fuzzing_without_login_finds_nothing(fuzz_as: Try) -> None:
    fuzz_as("anonymous")
