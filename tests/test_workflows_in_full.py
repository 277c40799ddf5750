"""`--workflows`: both workflows pass with full suites, the rendered one in each combination.

They run on the Python that runs pytest: `uv run --python 3.13 pytest --workflows` uses another.
"""

import shutil
import subprocess
from pathlib import Path

from tests.installing import UV
from tests.workflows import Workflow, committed, copy_of_this_repository, one_for_all


def test_own_workflow_passes_for_a_pull_request(workshop: Path, tmp_path: Path) -> None:
    origin = committed(copy_of_this_repository(tmp_path / "origin"))
    clone = workshop / "own-clone"
    Workflow(origin, clone, "pull_request", one_for_all("python")).run()
    shutil.rmtree(clone)


def test_rendered_workflow_passes(rendering: Path, workshop: Path, tmp_path: Path) -> None:
    origin = shutil.copytree(rendering, tmp_path / "origin")
    subprocess.run([UV, "lock", "--quiet"], cwd=origin, check=True)
    clone = workshop / "clone"
    Workflow(committed(origin), clone, "push", one_for_all("python")).run()
    shutil.rmtree(clone)
