"""`--mutations`: whichever security rule is broken, a test of the service fails."""

import re
import subprocess
from pathlib import Path

import pytest

from tests.combinations import VALID, Combination
from tests.installing import NO_BYTECODE, Run
from tests.mutations import MUTATIONS, Mutation

SECONDS = 1800  # a mutation may make a test hang
BY_ID = {each.id: each for each in VALID}
# Celery doesn't start as root with pickle; here a test should reject pickle instead.
FORCED = {"C_FORCE_ROOT": "true"}
# Bytecode is outdated only by another size or second of the source.
NO_STALE = {NO_BYTECODE: "1"}
IMPATIENT = {"TEST_PATIENCE": "30"}  # a test may wait for what the mutation prevents
PYTEST = ("python", "-m", "pytest", "-x", "-q", "-n0", "--no-header", "-p", "no:cacheprovider")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    wanted = metafunc.config.getoption("--combination") or list(BY_ID)
    chosen = [each for each in MUTATIONS if each.combination in wanted]
    metafunc.parametrize(
        ("combination", "mutation"),
        [(BY_ID[each.combination], each) for each in chosen],
        ids=[f"{each.combination}: {each.name}" for each in chosen],
        scope="session",
    )


@pytest.fixture(scope="session")
def passing() -> set[str]:
    """The combinations and test files that have passed without a mutation."""
    return set()


def test_broken_rule_fails_a_test(
    combination: Combination,
    mutation: Mutation,
    project: Path,
    run: Run,
    environment: dict[str, str],
    passing: set[str],
) -> None:
    for path in mutation.test_files:
        if f"{combination.id} {path}" not in passing:
            run(*PYTEST, path)
            passing.add(f"{combination.id} {path}")
    file = project / mutation.rendered
    original = file.read_text(encoding="utf-8")
    mutated = original
    for old, new in mutation.changes:
        assert original.count(old) == 1
        mutated = mutated.replace(old, new)
    file.write_text(mutated, encoding="utf-8")
    try:
        done = subprocess.run(
            (*PYTEST, *mutation.test_files),
            cwd=project,
            env=environment | FORCED | NO_STALE | IMPATIENT,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=SECONDS,
        )
    finally:
        file.write_text(original, encoding="utf-8")
    failed = re.search(r"^FAILED tests/[\w/]+\.py::\w+", done.stdout, re.MULTILINE)
    assert failed, f"{mutation.name}: survived\n{done.stdout}{done.stderr}"
