"""What the workers of a project's own tests must agree on: which tests there are."""

from tests.combinations import VALID
from tests.installing import Run

# Between them they have every test file of the template.
NAMES = {"postgres-redis", "postgres-redis-celery-websockets", "sqlite-websockets"}
COMBINATIONS = [each for each in VALID if each.id in NAMES]


def test_a_test_has_the_same_name_each_time(run: Run) -> None:
    """Or pytest-xdist runs none of them; a parameter that depends on the time has two names."""
    one, other = (run("pytest", "-n0", "--collect-only", "--quiet").splitlines() for _ in range(2))
    assert len(one) > 1000
    assert one[:-1] == other[:-1]  # the last line says how long it took
