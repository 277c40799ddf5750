"""The combinations, and the jobs of the workflow that run them."""

import json
import subprocess
import sys
from itertools import product
from typing import Any

import pytest
import yaml

from tests.combinations import INVALID, OPTIONAL_PYTHONS, PYTHONS, QUESTIONS, VALID, jobs
from tests.conftest import ROOT
from tests.measurements import OPTIONS
from tests.workflows import evaluate

READ = "${{ fromJSON(needs.matrix.outputs.combinations).* }}"


def test_twelve_combinations_are_valid_and_four_are_rejected() -> None:
    assert len({each.id for each in VALID}) == len(VALID) == 12
    assert len(INVALID) == 4
    assert all(each.answers["use_redis"] for each in VALID if each.answers["use_celery"])


def test_push_runs_each_combination_on_every_python() -> None:
    ran = {(job["combination"], job["python"]) for job in jobs("push")}
    assert ran == set(product((each.id for each in VALID), PYTHONS))


def test_pull_request_runs_each_combination_once() -> None:
    assert [job["combination"] for job in jobs("pull_request")] == [each.id for each in VALID]


def test_pull_request_runs_each_answer_on_every_python() -> None:
    ran = {job["combination"]: job["python"] for job in jobs("pull_request")}
    for name, answers in QUESTIONS.items():
        for answer in answers:
            assert {ran[each.id] for each in VALID if each.answers[name] == answer} == {*PYTHONS}


def test_workflow_reads_the_lists_that_the_script_prints() -> None:
    command = [sys.executable, str(ROOT / "tests" / "combinations.py"), "push"]
    printed = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
    matrices = {
        name: job["strategy"]["matrix"]
        for name, job in workflow_jobs().items()
        if "strategy" in job
    }
    assert matrices == {
        "template": {"python": READ.replace("*", "pythons")},
        "project": {"include": READ.replace("*", "jobs")},
        "optional": {"python": READ.replace("*", "optional_pythons")},
        "measurement": {"measurement": ["fuzz", "mutations", "workflows"]},
        "stress": {"combination": READ.replace("*", "combinations")},
    }
    assert printed == {
        "pythons": list(PYTHONS),
        "optional_pythons": list(OPTIONAL_PYTHONS),
        "combinations": [each.id for each in VALID],
        "jobs": jobs("push"),
    }


def test_every_measurement_is_scheduled() -> None:
    """Except `--pooler`, for which no package of Python has the server."""
    measurements = workflow_jobs()["measurement"]["strategy"]["matrix"]["measurement"]
    scheduled = {f"--{name}" for name in measurements} | {"--stress"}
    assert scheduled == set(OPTIONS.values()) - {"--pooler"}


def test_no_required_job_needs_an_optional_python() -> None:
    jobs = workflow_jobs()
    assert jobs["optional"]["continue-on-error"] is True
    assert jobs["passed"]["needs"] == ["template", "project"]
    assert not set(PYTHONS) & set(OPTIONAL_PYTHONS)


@pytest.mark.parametrize("other", ["failure", "cancelled", "skipped"])
def test_required_check_fails_unless_every_job_succeeded(other: str) -> None:
    (step,) = workflow_jobs()["passed"]["steps"]
    for results in product(("success", other), repeat=2):
        needs = [{"result": result} for result in results]
        joined = evaluate(step["env"]["RESULTS"], {"needs": dict(enumerate(needs))})
        done = subprocess.run(
            ["bash", "-e", "-c", step["run"]], env={"RESULTS": joined}, check=False
        )
        assert (done.returncode == 0) == (set(results) == {"success"})


def workflow_jobs() -> dict[str, Any]:
    workflow = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text(encoding="utf-8"))
    jobs: dict[str, Any] = workflow["jobs"]
    return jobs
