"""Neither the rendered tests nor these depend on the speed of the machine."""

from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.steadiness import findings

HEAD = """\
import asyncio
import time
from asyncio import sleep, timeout, wait_for

import app.limits
from app import limits
from app.limits import PAUSE_SECONDS
from tests.support.waiting import NEVER, PATIENCE, PAUSE

SECONDS = 5
LONG = 2 * PATIENCE
"""
MODULES = {
    "app/limits.py": "PAUSE_SECONDS = 0.5\n",
    "tests/support/waiting.py": """\
PATIENCE = 180.0
NEVER = 86_400.0
PAUSE = 0.02
time.sleep(0.02)
""",
}
BAD = [
    "await asyncio.sleep(0.1)",
    "time.sleep(60)",
    "await sleep(SECONDS)",
    "await sleep(PAUSE)",
    "await sleep(PAUSE_SECONDS * 2)",
    "await sleep(limits.PAUSE_SECONDS)",
    "await sleep(settings.CHECK_SECONDS)",
    "timeout(5)",
    "asyncio.timeout(SECONDS)",
    "asyncio.timeout(SECONDS + 2)",
    "await wait_for(event, 30)",
    "await wait_for(event, timeout=30)",
    "AsyncClient(timeout=59.9)",
    "event.wait(5)",
    "thread.join(SECONDS)",
    "process.communicate(timeout=10)",
    'monkeypatch.setattr(redis, "CHECK_SECONDS", 0.2)',
    'monkeypatch.setattr("app.redis.CHECK_SECONDS", SECONDS)',
    'monkeypatch.setattr(hub, "recheck_seconds", 1)',
    'monkeypatch.setenv("CHECK_SECONDS", "1")',
    "settings_for(url, CHECK_SECONDS=1)",
    'pool = {"POOL_TIMEOUT": 0.1}',
    'pool = {"POOL_TIMEOUT": "1"}',
    'environment["CHECK_SECONDS"] = "1"',
    "settings.CHECK_SECONDS = 1",
    "# It fires early without harm.\nsettings_for(CHECK_SECONDS=1)",
    "# Fires early without harm:\nsettings_for(CHECK_SECONDS=1)",
    "# Fires early without harm: nothing waits.\n\nsettings_for(CHECK_SECONDS=1)",
]
GOOD = [
    "await asyncio.sleep(0)",
    "await asyncio.sleep(NEVER)",
    "await asyncio.sleep(delay)",
    "timeout(PATIENCE)",
    "asyncio.timeout(LONG)",
    "asyncio.timeout(None)",
    "await wait_for(event, 60)",
    "await wait(tasks, timeout=0)",
    "event.wait()",
    'path = ", ".join(names)',
    "AsyncClient(timeout=PATIENCE)",
    'monkeypatch.setattr(redis, "CHECK_SECONDS", NEVER)',
    'monkeypatch.setattr(redis, "CHECK_SECONDS", 0)',
    'pool = {"POOL_TIMEOUT": str(PATIENCE), "DATABASE_POOL_SIZE": 1}',
    "settings_for(url, CHECK_SECONDS=3600, REQUESTS=5)",
    "clock.travel(seconds=5)",
    "settings_for(CHECK_SECONDS=1)  # Fires early without harm: nothing waits.",
    "# Fires early without harm: nothing\n# waits.\nsettings_for(CHECK_SECONDS=1)",
    "# Fires early without harm: nothing waits.\nsettings_for(\n    url,\n    CHECK_SECONDS=1,\n)",
]


def found_in(project: Path, snippet: str) -> list[str]:
    for name, source in {**MODULES, "tests/test_it.py": f"{HEAD}{snippet}\n"}.items():
        (project / name).parent.mkdir(parents=True, exist_ok=True)
        (project / name).write_text(source, encoding="utf-8")
    return findings(project)


@pytest.mark.parametrize("snippet", BAD)
def test_code_that_depends_on_speed_is_reported(tmp_path: Path, snippet: str) -> None:
    (finding,) = found_in(tmp_path, snippet)
    line = len(f"{HEAD}{snippet}".splitlines())
    assert finding.startswith(f"tests/test_it.py:{line}: ")


@pytest.mark.parametrize("snippet", GOOD)
def test_code_that_does_not_depend_on_speed_is_not_reported(tmp_path: Path, snippet: str) -> None:
    assert found_in(tmp_path, snippet) == []


def test_rendered_tests_are_steady(rendering: Path) -> None:
    assert_steady(rendering)


def test_these_tests_are_steady() -> None:
    assert_steady(ROOT)


def assert_steady(root: Path) -> None:
    if found := findings(root):
        pytest.fail("\n".join(found), pytrace=False)
