"""The environment of a project, which a proxy on the developer's network must not affect."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.installing import environment_of, environment_of_uv

PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy")
PROXY = "http://127.0.0.1:9"
ASK = """
import urllib.request
print(bool(urllib.request.getproxies()) and not urllib.request.proxy_bypass("127.0.0.1"))
"""


@pytest.fixture(autouse=True)
def proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in PROXIES:
        monkeypatch.setenv(name, PROXY)


def asks_a_proxy(environment: dict[str, str]) -> bool:
    command = (sys.executable, "-c", ASK)
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    return done.stdout == "True\n"


def test_environment_of_a_project_names_no_proxy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_PROXY", "example.com")
    environment = environment_of(tmp_path)
    assert not [name for name in environment if "proxy" in name.casefold()]
    assert not asks_a_proxy(environment)
    assert asks_a_proxy({**environment, "http_proxy": PROXY})


def test_uv_downloads_through_the_proxy(tmp_path: Path) -> None:
    environment = environment_of_uv(environment_of(tmp_path))
    assert [environment[name] for name in PROXIES] == [PROXY] * len(PROXIES)


def test_program_run_by_uv_reaches_this_machine_directly(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    environment = environment_of_uv(environment_of(tmp_path))
    assert not asks_a_proxy(environment)
    monkeypatch.setenv("no_proxy", "example.com")
    environment = environment_of_uv(environment_of(tmp_path))
    assert environment["NO_PROXY"] == environment["no_proxy"] == "example.com,127.0.0.1,localhost"
