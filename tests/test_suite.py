"""The report of a project's own tests, tried on a project with one test file."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.failures import recorded
from tests.suite import Failure, Outcome, run_suite

PYTEST = (sys.executable, "-m", "pytest", "-p", "no:cacheprovider")


def outcome_of(folder: Path, source: str) -> Outcome:
    (folder / "tests").mkdir()
    (folder / "pytest.ini").write_text("[pytest]\n")
    (folder / "tests" / "test_it.py").write_text(source)
    return run_suite(PYTEST, folder, os.environ, folder / "report.xml")


def test_passing_suite_has_no_failures(tmp_path: Path) -> None:
    burn = "sum(range(10_000_000))"
    outcome = outcome_of(tmp_path, f"def test_one():\n    {burn}\n\ndef test_two():\n    pass\n")
    assert (outcome.tests, outcome.failures) == (2, [])
    assert outcome.seconds > 0
    assert outcome.cpu_seconds > 0


def test_failures_have_node_ids_and_messages(tmp_path: Path) -> None:
    source = """
import pytest

@pytest.fixture
def broken():
    raise ValueError("no server")

class TestIt:
    @pytest.mark.parametrize("word", ["a b", "c"])
    def test_word(self, word):
        assert word == "c"

def test_setup(broken):
    pass

def test_skipped():  # a skip hides a missing server: the report must count it as a failure
    pytest.skip("no database")
"""
    outcome = outcome_of(tmp_path, source)
    assert outcome.tests == 4
    found = {each.test: each.message for each in outcome.failures}
    assert found["tests/test_it.py::TestIt::test_word[a b]"].startswith("AssertionError: assert")
    assert "no server" in found["tests/test_it.py::test_setup"]
    assert found["tests/test_it.py::test_skipped"] == "skipped: no database"
    assert outcome.output.splitlines()[0].strip("= ") == "ERRORS"


def test_file_that_cannot_be_imported_is_a_failure(tmp_path: Path) -> None:
    outcome = outcome_of(tmp_path, "import nothing_of_that_name\n")
    assert [each.test for each in outcome.failures] == ["tests/test_it.py"]


def test_suite_that_does_not_start_is_a_failure(tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text("raise SystemExit('no settings')\n")
    (failure,) = outcome_of(tmp_path, "def test_one():\n    pass\n").failures
    assert failure.test == "the whole suite"
    assert "no settings" in failure.message


def test_suite_without_tests_is_a_failure(tmp_path: Path) -> None:
    assert [each.test for each in outcome_of(tmp_path, "").failures] == ["the whole suite"]


def test_long_messages_are_truncated(tmp_path: Path) -> None:
    source = "def test_one():\n    raise ValueError('x' * 9999 + '\\n' * 50 + 'y')\n"
    (failure,) = outcome_of(tmp_path, source).failures
    assert len(failure.message) < 500


def test_command_repeats_one_test() -> None:
    failures = [Failure("tests/test_it.py::test_word[a b]", "no"), Failure("coverage", "no")]
    one, gate = recorded(failures, "sqlite", "uv run pytest", alone=True)
    assert one[2] == "uv run pytest --suite='tests/test_it.py::test_word[a b]'"
    assert gate == ["sqlite: coverage", "no", "uv run pytest"]


def test_command_repeats_all_tests_by_default() -> None:
    (one,) = recorded([Failure("tests/test_it.py::test_one", "no")], "sqlite, seed 1", "pytest")
    assert one == ["sqlite, seed 1: tests/test_it.py::test_one", "no", "pytest"]


@pytest.mark.parametrize("workers", ["-n0", "-n1"])
def test_failing_check_is_named_with_its_command(tmp_path: Path, workers: str) -> None:
    """Check what pytest prints at the end."""
    (tmp_path / "conftest.py").write_text(f"""
import sys
sys.path.insert(0, {str(ROOT)!r})
from tests import failures

def pytest_configure(config):
    config.pluginmanager.register(failures)
""")
    (tmp_path / "test_it.py").write_text("""
import pytest

def test_types(record_property):
    record_property("combination", "sqlite")
    pytest.fail("$ mypy\\napp.py:1: error\\nFound 1 error", pytrace=False)
""")
    command = (*PYTEST, workers, "-c", os.devnull, f"--rootdir={tmp_path}", str(tmp_path))
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    _, _, section = done.stdout.partition("= failures =")
    assert section.splitlines()[1:6] == [
        "sqlite: test_it.py::test_types",
        "    $ mypy",
        "    app.py:1: error",
        "    Found 1 error",
        "    $ uv run pytest -n0 test_it.py::test_types",
    ]
