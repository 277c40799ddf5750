"""The measures: each takes turns between the candidates, in short slices and several rounds."""

import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from tests.benchmarks import candidates
from tests.benchmarks.candidates import GOALS, LOGIN, ME, PROJECT, Candidate, Route
from tests.benchmarks.processes import listeners, megabytes
from tests.benchmarks.results import Cell, Results
from tests.benchmarks.services import ROOT, Service

LOGINS = 8
"""Connections that log in, and that call another route during the logins."""
LOGIN_SLICES = 3
"""A slice of logins takes so many times as long, because a login does."""


class LoadError(Exception):
    """What the load got in place of the expected response."""


class Load:
    """The process that drives the load."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            (sys.executable, "-m", "tests.benchmarks.client"),
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def ask(self, **wanted: Any) -> Any:
        """Measure a slice. Raise LoadError."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps(wanted) + "\n")
        self._process.stdin.flush()
        answer = json.loads(self._process.stdout.readline())
        if "error" in answer:
            raise LoadError(answer["error"])
        return answer

    def __enter__(self) -> "Load":
        return self

    def __exit__(self, *_: object) -> None:
        with self._process as process:
            process.terminate()


@dataclass
class Bench:
    load: Load
    results: Results
    candidates: list[Candidate]
    seconds: float
    rounds: int

    def starts(self, services: Mapping[str, Service]) -> None:
        """Importing the application and `--help`; the first time only compiles."""
        commands = {
            "import of app.main": (("-c", "import app.main"), "≤ 1.8 s"),
            "--help": (("-m", "app", "--help"), "≤ 0.35 s"),
        }
        for time in range(self.rounds + 1):
            for name, service in services.items():
                for what, (command, goal) in commands.items():
                    seconds = service.python(*command)
                    if time:
                        self.results.cell(what, name, goal).add({"CPU s": seconds})

    def memory(self, when: str, name: str, url: str, goal: str = "") -> None:
        servers = listeners(urlsplit(url).port or 80)
        self.results.cell(f"memory {when}", name, goal).add({"MB": megabytes(servers)})

    def routes(self, connections: int) -> None:
        names = dict.fromkeys(name for each in self.candidates for name in each.routes)
        for turn in range(self.rounds):
            for name in names:
                for candidate in self._in_turn(turn):
                    if name in candidate.routes and name != LOGIN:
                        load = _load(candidate, candidate.routes[name], connections)
                        goal = f"≤ {GOALS[name]} units" if name in GOALS else ""
                        self._sample(self.results.cell(name, candidate.name, goal), load)
        for cell in [each for each in self.results.cells if each.name == ME]:
            slowest = self.results.cell("p99 of users/me", cell.candidate, "≤ 0.7 × the peer's")
            slowest.samples["p99 ms"] = cell.samples.get("p99 ms", [])
            slowest.error = cell.error

    def logins(self) -> None:
        """Logins alone, then another route without logins and during them."""
        cell = self.results.cell
        for turn in range(self.rounds):
            for each in self._in_turn(turn):
                if not {LOGIN, ME} <= each.routes.keys():
                    continue
                login, me = (_load(each, each.routes[name], LOGINS) for name in (LOGIN, ME))
                alone = cell(f"login, {LOGINS} connections", each.name, "≥ 8 × reference")
                self._sample(alone, login, first="requests/s")
                without = cell("users/me without logins", each.name)
                self._sample(without, me, first="p50 ms")
                during = cell(f"users/me during {LOGINS} logins", each.name, "≤ 1.3 ×")
                self._sample(during, me, login, first="p50 ms")

    def rooms(self, sockets: int) -> None:
        for turn in range(self.rounds):
            for candidate in self._in_turn(turn):
                if not candidate.token:
                    continue
                cell = self.results.cell(f"room, {sockets} sockets", candidate.name, "≥ 80,000/s")
                path = f"{candidates.API}/ws/projects/{PROJECT}"
                self._ask(
                    cell,
                    seconds=self.seconds,
                    url=candidate.url,
                    path=path,
                    token=candidate.token,
                    sockets=sockets,
                )

    def growth(self, rows: int) -> None:
        names = dict.fromkeys(name for each in self.candidates for name in each.growing)
        for turn in range(self.rounds):
            for name in names:
                for candidate in self._in_turn(turn):
                    if name in candidate.growing:
                        flat = "no total" in name or name.startswith("audit")
                        goal = "≤ 15 ms" if flat else ""
                        cell = self.results.cell(f"{name}; {rows:,} rows", candidate.name, goal)
                        load = _load(candidate, candidate.growing[name], 1)
                        self._sample(cell, load, first="p50 ms")

    def _in_turn(self, turn: int) -> list[Candidate]:
        """Each round begins with another candidate."""
        first = turn % len(self.candidates)
        return self.candidates[first:] + self.candidates[:first]

    def _sample(self, cell: Cell, *loads: Route, first: str = "CPU µs") -> None:
        long = LOGIN_SLICES if any("login" in each["route"]["path"] for each in loads) else 1
        self._ask(cell, first, seconds=self.seconds * long, loads=loads)

    def _ask(self, cell: Cell, first: str = "", **wanted: Any) -> None:
        if cell.error:
            return
        print(f"  {cell.name}, {cell.candidate}", file=sys.stderr)
        try:
            answer = self.load.ask(**wanted)
        except LoadError as error:
            cell.error = str(error)
            return
        sample = answer[0] if isinstance(answer, list) else answer
        cell.add({first: sample[first]} | sample if first else sample)


def _load(candidate: Candidate, route: Route, connections: int) -> Route:
    return {"url": candidate.url, "route": route, "connections": connections}
