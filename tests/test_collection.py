"""The collection of a project's own tests, on which the workers must agree."""

from tests.combinations import VALID
from tests.installing import Run

# Together they have every test file of the template.
NAMES = {"postgres-redis", "postgres-redis-celery-websockets", "sqlite-websockets"}
COMBINATIONS = [each for each in VALID if each.id in NAMES]


def test_tests_have_the_same_names_each_time(run: Run) -> None:
    """Collect twice. A parameter that depends on the time would make pytest-xdist run no test."""
    one, other = (run("pytest", "-n0", "--collect-only", "--quiet").splitlines() for _ in range(2))
    assert len(one) > 1000
    assert one[:-1] == other[:-1]  # the last line says how long it took
