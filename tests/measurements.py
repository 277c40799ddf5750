"""What is measured on request only: `--fuzz`, `--mutations`. Their tests are not even collected
without the option, and run alone with it. Both note figures, which `--record` keeps in the pages.
"""

import json
from pathlib import Path

import pytest

from tests.files import ROOT

OPTIONS = {"test_fuzz.py": "--fuzz", "test_mutations.py": "--mutations"}
NOTES = ROOT / "tests" / "notes"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--fuzz", action="store_true", help="fuzz four combinations, and nothing else")
    parser.addoption("--mutations", action="store_true", help="try each mutation, and nothing else")
    parser.addoption("--record", action="store_true", help="write what these found into docs/")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    chosen = {file for file, option in OPTIONS.items() if config.getoption(option)}
    name = collection_path.name
    if name.startswith("test_") and (name in OPTIONS or chosen) and name not in chosen:
        return True
    return None
