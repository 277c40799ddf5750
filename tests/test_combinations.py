"""Which combinations there are, and where the workflow runs them."""

import json
import subprocess
import sys
from itertools import product

import yaml

from tests.combinations import INVALID, PYTHONS, QUESTIONS, VALID, jobs
from tests.conftest import ROOT
from tests.measurements import OPTIONS


def test_there_are_twelve_and_four_are_refused() -> None:
    assert len({each.id for each in VALID}) == len(VALID) == 12
    assert len(INVALID) == 4
    assert all(each.answers["use_redis"] for each in VALID if each.answers["use_celery"])


def test_a_push_runs_each_on_every_python() -> None:
    ran = {(job["combination"], job["python"]) for job in jobs("push")}
    assert ran == set(product((each.id for each in VALID), PYTHONS))


def test_a_pull_request_runs_each_once_and_each_answer_on_every_python() -> None:
    ran = {job["combination"]: job["python"] for job in jobs("pull_request")}
    assert list(ran) == [job["combination"] for job in jobs("pull_request")]
    assert list(ran) == [each.id for each in VALID]
    for name, answers in QUESTIONS.items():
        for answer in answers:
            assert {ran[each.id] for each in VALID if each.answers[name] == answer} == {*PYTHONS}


def test_the_workflow_reads_what_the_script_prints() -> None:
    command = [sys.executable, str(ROOT / "tests" / "combinations.py"), "push"]
    printed = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
    workflow = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text(encoding="utf-8"))
    matrices = {
        name: job["strategy"]["matrix"]
        for name, job in workflow["jobs"].items()
        if "strategy" in job
    }
    assert matrices == {
        "template": {"python": "${{ fromJSON(needs.matrix.outputs.combinations).pythons }}"},
        "project": {"include": "${{ fromJSON(needs.matrix.outputs.combinations).jobs }}"},
        "measurement": {"measurement": [option.removeprefix("--") for option in OPTIONS.values()]},
    }
    assert printed == {"pythons": list(PYTHONS), "jobs": jobs("push")}
