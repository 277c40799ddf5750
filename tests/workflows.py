"""Run the jobs of a GitHub workflow on this machine, step by step, each in a fresh clone.

Supports what our workflows use. Any other key, action or expression is an error.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests import files
from tests.files import git
from tests.installing import UV, environment_of_uv

ROOT = Path(__file__).parent.parent
PATH = ".github/workflows/ci.yml"
ON = True  # as YAML 1.1 reads the key `on`
WORKFLOW_KEYS = {"name", ON, "permissions", "concurrency", "env", "jobs"}
JOB_KEYS = {"name", "if", "needs", "runs-on", "timeout-minutes", "permissions", "continue-on-error"}
JOB_KEYS |= {"strategy", "outputs", "env", "steps"}
STEP_KEYS = {"name", "id", "uses", "with", "env", "run"}
COMMIT = re.compile("[0-9a-f]{40}")
# GitHub's default is `bash -e`; a failure inside a pipe should not go unnoticed here.
BASH = ("bash", "--noprofile", "--norc", "-eo", "pipefail")
FILES = ("GITHUB_OUTPUT", "GITHUB_ENV", "GITHUB_PATH", "GITHUB_STEP_SUMMARY")

Values = dict[str, Any]
Choose = Callable[[list[Values]], list[Values]]


class UnsupportedError(Exception):
    """The workflow uses something that `tests/workflows.py` does not support."""


@dataclass
class Workflow:
    """The committed workflow of `origin`, whose jobs run one after the other in `workspace`."""

    origin: Path
    workspace: Path
    event: str
    choose: Choose
    """Select the instances of a matrix to run."""
    environment: dict[str, str] = field(default_factory=dict)
    """In addition to what GitHub sets."""

    @property
    def scratch(self) -> Path:
        return self.origin.parent

    def run(self) -> list[str]:
        """Fail the test at the first step that fails; return the scripts that ran."""
        text = git(self.origin, "show", f"HEAD:{PATH}")
        workflow = _supported(yaml.safe_load(text), WORKFLOW_KEYS)
        done: Values = {}
        scripts: list[str] = []
        for name, job in workflow["jobs"].items():
            _supported(job, JOB_KEYS)
            needs = {need: done[need] for need in _needs(job)}
            contexts = {"github": {"event_name": self.event}, "needs": needs}
            done[name] = {"result": "skipped", "outputs": {}}
            if not _is_due(job, contexts):
                continue
            for matrix in self.choose(_instances(job, contexts)):
                instance = contexts | {"matrix": matrix}
                outputs = self._run_steps(name, workflow, job, instance, scripts)
                done[name] = {"result": "success", "outputs": outputs}
        return scripts

    def _run_steps(
        self, name: str, workflow: Values, job: Values, contexts: Values, scripts: list[str]
    ) -> Values:
        shutil.rmtree(self.workspace, ignore_errors=True)
        self.workspace.mkdir(parents=True)
        evaluate(str(job["name"]), contexts)
        evaluate(str(job.get("continue-on-error", "")), contexts)
        environment = runner_environment(self.workspace) | self.environment
        contexts["steps"] = {}
        for step in job["steps"]:
            _supported(step, STEP_KEYS)
            if "uses" in step:
                environment |= self._use(step, contexts)
                continue
            variables = environment.copy()
            for level in (workflow, job, step):
                variables |= {
                    key: _text(evaluate(str(value), contexts))
                    for key, value in level.get("env", {}).items()
                }
            scripts.append(step["run"])
            outputs, changes = self._run(f"{name}: {step['name']}", step["run"], variables)
            environment |= changes
            contexts["steps"] |= {step["id"]: {"outputs": outputs}} if "id" in step else {}
        return {key: evaluate(value, contexts) for key, value in job.get("outputs", {}).items()}

    def _use(self, step: Values, contexts: Values) -> dict[str, str]:
        """Stand in for an action; return what it adds to the environment."""
        options = {
            key: evaluate(str(value), contexts) for key, value in step.get("with", {}).items()
        }
        action, _, commit = step["uses"].partition("@")
        match action if COMMIT.fullmatch(commit) else "not pinned", options:
            case "actions/checkout", {"persist-credentials": "False", **others} if not others:
                git(self.workspace, "clone", "--quiet", str(self.origin), ".")
                return {}
            case "astral-sh/setup-uv", {"python-version": version, **others} if not others:
                if not re.fullmatch(r"3\.\d+", version):
                    raise UnsupportedError(f"Python {version}")
                return {"PATH": self._path_with_uv(), "UV_PYTHON": sys.executable}
            case "actions/upload-artifact", {
                "name": _,
                "path": path,
                "if-no-files-found": "error",
                "retention-days": _,
                **others,
            } if not others:
                if not (self.workspace / path).exists():
                    pytest.fail(f"{step['name']}: no {path}", pytrace=False)
                return {}
        raise UnsupportedError(f"{step['uses']} with {options}")

    def _path_with_uv(self) -> str:
        tools = self.scratch / "tools"
        if not tools.exists():
            tools.mkdir()
            (tools / "uv").symlink_to(shutil.which(UV) or UV)
        return f"{tools}{os.pathsep}{runner_environment(self.workspace)['PATH']}"

    def _run(
        self, title: str, script: str, environment: dict[str, str]
    ) -> tuple[dict[str, str], dict[str, str]]:
        """Return the step's outputs, and its changes to the environment of later steps."""
        if "${{" in script:
            raise UnsupportedError(f"{title}: an expression in a script; pass it through env:")
        files = {name: self.scratch / name for name in FILES}
        for path in files.values():
            path.write_text("")
        step = self.scratch / "step.sh"
        step.write_text(script)
        ran = subprocess.run(
            [*BASH, str(step)],
            cwd=self.workspace,
            env=environment | {name: str(path) for name, path in files.items()},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        if ran.returncode:
            pytest.fail(f"{title}\n$ {script}\n{ran.stdout}", pytrace=False)
        changes = _assignments(files["GITHUB_ENV"])
        if added := files["GITHUB_PATH"].read_text().split():
            changes["PATH"] = os.pathsep.join([*reversed(added), environment["PATH"]])
        return _assignments(files["GITHUB_OUTPUT"]), changes


def committed(origin: Path) -> Path:
    """Turn the folder into a repository with everything in one commit."""
    git(origin, "init", "--quiet")
    files.commit(origin)
    return origin


def copy_of_this_repository(origin: Path) -> Path:
    """Copy the files that git has or would add, so that uncommitted changes are tested too."""
    listed = git(ROOT, "ls-files", "-z", "--cached", "--others", "--exclude-standard")
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).exists():  # deleted in the working tree only
            (origin / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, origin / name)
    return origin


def one_for_all(*keys: str) -> Choose:
    """Keep the first of the instances that differ only in these keys."""

    def choose(instances: list[Values]) -> list[Values]:
        kept = {
            json.dumps([(key, each[key]) for key in each if key not in keys]): each
            for each in reversed(instances)
        }
        return list(reversed(kept.values()))

    return choose


def runner_environment(workspace: Path) -> dict[str, str]:
    """Return a runner's variables, without the virtual environment that runs these tests."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    folders = own["PATH"].split(os.pathsep)
    path = [folder for folder in folders if folder != str(Path(sys.prefix) / "bin")]
    runner = {"CI": "true", "GITHUB_ACTIONS": "true", "GITHUB_WORKSPACE": str(workspace)}
    return environment_of_uv(own) | runner | {"PATH": os.pathsep.join(path)}


def _supported(mapping: Values, keys: Collection[object]) -> Values:
    if unknown := set(mapping) - set(keys):
        raise UnsupportedError(f"the keys {unknown}")
    return mapping


def _needs(job: Values) -> list[str]:
    needs = job.get("needs", [])
    return [needs] if isinstance(needs, str) else needs


def _is_due(job: Values, contexts: Values) -> bool:
    """Skip a job if one that it needs did not succeed, unless it says `always()`."""
    succeeded = all(need["result"] == "success" for need in contexts["needs"].values())
    condition = job.get("if")
    if condition is None:
        return succeeded
    return bool(Expression(condition, contexts).value) and (succeeded or "always()" in condition)


def _instances(job: Values, contexts: Values) -> list[Values]:
    strategy = _supported(job.get("strategy", {}), {"fail-fast", "matrix"})
    matrix = {
        key: evaluate(value, contexts) if isinstance(value, str) else value
        for key, value in strategy.get("matrix", {}).items()
    }
    if set(matrix) == {"include"}:
        return list(matrix["include"])
    if {"include", "exclude"} & set(matrix):
        raise UnsupportedError("include or exclude among other keys of a matrix")
    return [dict(zip(matrix, values, strict=True)) for values in product(*matrix.values())]


def _assignments(path: Path) -> dict[str, str]:
    lines = path.read_text().splitlines()
    if odd := [line for line in lines if not re.match(r"[\w-]+=", line)]:
        raise UnsupportedError(f"in {path.name}: {odd}")
    return dict(line.split("=", 1) for line in lines)


PLACE = re.compile(r"\$\{\{((?:(?!\}\}).)*)\}\}", re.DOTALL)


def evaluate(text: str, contexts: Values) -> Any:
    """Return the value of a single `${{ }}`, or else the text with every `${{ }}` replaced."""
    if alone := PLACE.fullmatch(text):
        return Expression(alone[1], contexts).value
    return PLACE.sub(lambda found: _text(Expression(found[1], contexts).value), text)


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if not isinstance(value, str):
        raise UnsupportedError(f"{value!r} as text")
    return value


class Each(list[Any]):
    """The result of `.*`, whose property is the list of that property of each value."""


class Expression:
    """GitHub's expressions, but strict: what GitHub reads as an empty string is an error."""

    TOKEN = re.compile(r"\s*('(?:[^']|'')*'|==|!=|\|\||[A-Za-z_][\w-]*|[().,*])")

    def __init__(self, text: str, contexts: Values) -> None:
        self.text = text.strip()
        self.contexts = contexts
        self.tokens = list(self._split())
        self.value = self._either()
        if self.tokens:
            raise self._error()

    def _split(self) -> Iterable[str]:
        position = 0
        while position < len(self.text):
            if not (found := self.TOKEN.match(self.text, position)):
                raise self._error()
            yield found[1]
            position = found.end()

    def _error(self) -> UnsupportedError:
        return UnsupportedError(f"${{{{ {self.text} }}}}")

    def _accept(self, *tokens: str) -> str | None:
        return self.tokens.pop(0) if self.tokens and self.tokens[0] in tokens else None

    def _next(self) -> str:
        if not self.tokens:
            raise self._error()
        return self.tokens.pop(0)

    def _either(self) -> Any:
        value = self._comparison()
        while self._accept("||"):
            other = self._comparison()
            value = value or other
        return value

    def _comparison(self) -> Any:
        value = self._operand()
        if sign := self._accept("==", "!="):
            other = self._operand()
            if not (isinstance(value, str) and isinstance(other, str)):
                raise self._error()
            return (value.casefold() == other.casefold()) == (sign == "==")
        return value

    def _operand(self) -> Any:
        token = self._next()
        if token.startswith("'"):
            value = token[1:-1].replace("''", "'")
        elif self._accept("("):
            value = self._call(token)
        elif token in self.contexts:
            value = self.contexts[token]
        else:
            raise self._error()
        while self._accept("."):
            value = self._property(value, self._next())
        return value

    def _call(self, function: str) -> Any:
        arguments = []
        while not self._accept(")"):
            arguments.append(self._either())
            self._accept(",")
        match function, arguments:
            case "always", []:
                return True
            case "fromJSON", [str(text)]:
                return json.loads(text)
            case "join", [list(values), str(separator)]:
                return separator.join(values)
        raise self._error()

    def _property(self, value: Any, name: str) -> Any:
        if isinstance(value, Each):
            return Each(self._property(each, name) for each in value)
        if isinstance(value, dict) and name == "*":
            return Each(value.values())
        if isinstance(value, dict) and name in value:
            return value[name]
        raise self._error()
