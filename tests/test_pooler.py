"""`--pooler`: everything works behind PgBouncer in transaction mode, from several processes."""

import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.combinations import VALID
from tests.installing import Run
from tests.pooling import CLIENTS, ROUNDS, find_pooler, load, pooler, running, servers, serving
from tests.waiting import eventually

USERS = CLIENTS * ROUNDS
COMBINATIONS = [each for each in VALID if each.id == "postgres-redis-celery"]


@pytest.fixture
def pooled(
    run: Run, project: Path, environment: dict[str, str], tmp_path: Path
) -> Iterator[dict[str, str]]:
    """The environment of commands whose database is behind the pooler."""
    print(run(find_pooler(), "--version"))
    with servers(project, environment) as (postgres, redis), pooler(postgres, tmp_path) as url:
        yield environment | {
            "DATABASE_URL": url,
            "LOG_LEVEL": "INFO",
            "RATE_LIMIT_ENABLED": "false",
            "REDIS_URL": redis,
            "SECRET_KEY": "only-the-tests-use-this-key-0123456789",
            "WORKERS": "2",
        }


def test_everything_works_behind_a_pooler(
    project: Path, pooled: dict[str, str], tmp_path: Path
) -> None:
    for _ in range(2):
        subprocess.run(("myapp", "db", "upgrade"), cwd=project, env=pooled, check=True)
    worker = tmp_path / "worker"
    with ExitStack() as stack:
        ports = [
            stack.enter_context(serving(project, pooled, tmp_path / f"serve{number}"))
            for number in range(2)
        ]
        stack.enter_context(running(("myapp", "worker"), project, pooled, worker))
        assert set(load(ports)) == {200, 201}
        assert eventually(lambda: worker.read_text().count("Email not sent") >= USERS)

    for log in (worker, tmp_path / "serve0", tmp_path / "serve1"):
        assert not [line for line in log.read_text().splitlines() if "[error" in line]
