"""Run Schemathesis, which tries to refute the OpenAPI document of a running service.

It sends valid and invalid requests, chains them, and compares each response with the document.
"""

import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.combinations import VALID
from tests.installing import UV, environment_of_uv
from tests.waiting import PATIENCE

ROOT = Path(__file__).parent.parent
CALLERS = ("administrator", "anonymous")
EXAMPLES = 30  # for each operation and phase
SEED = 1

# No optional part, or all of them: one answer for the database, and one for all the switches.
CORNERS = [each for each in VALID if len(set(each.answers.values())) == 2]

SETTINGS = {"LOG_LEVEL": "WARNING", "RATE_LIMIT_ENABLED": "false"}


@dataclass(frozen=True)
class Findings:
    operations: int
    cases: int
    failures: int
    output: str


def fuzz(
    port: int, caller: str, project: Path, environment: Mapping[str, str], folder: Path
) -> Findings:
    """Fuzz the service of the project in its `environment`; Schemathesis writes into `folder`."""
    report = folder / "report.json"
    done = subprocess.run(
        (
            *(UV, "run", "--quiet", "--locked", f"--project={ROOT}"),
            *("--only-group=fuzz", "schemathesis", f"--config-file={ROOT}/tests/schemathesis.toml"),
            *("run", f"http://127.0.0.1:{port}/api/v1/openapi.json", "--no-color"),
            *(f"--max-examples={EXAMPLES}", f"--seed={SEED}", "--continue-on-failure"),
            f"--request-timeout={PATIENCE}",
            *("--report=json", f"--report-json-path={report}"),
        ),
        cwd=folder,
        env={
            **environment_of_uv(environment),
            "FUZZ_CALLER": caller,
            "FUZZ_PORT": str(port),
            "FUZZ_PROJECT": str(project),
            "PYTHONPATH": str(ROOT),
            "SCHEMATHESIS_HOOKS": "tests.fuzzing_hooks",
            "UV_PROJECT_ENVIRONMENT": str(Path(sys.prefix).parent / ".venv-fuzz"),
        },
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if not report.exists():
        return Findings(0, 0, 1, done.stdout)
    figures = json.loads(report.read_text(encoding="utf-8"))
    faults = figures["test_cases"]["unique_failures"] + figures["operations"]["errored"]
    return Findings(
        figures["operations"]["tested"],
        figures["test_cases"]["generated"],
        max(faults, bool(done.returncode)),
        done.stdout,
    )
