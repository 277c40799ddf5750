"""The measures: the candidates take turns, in short slices and several rounds."""

import sys
from collections.abc import Mapping
from concurrent.futures import Executor
from dataclasses import dataclass
from itertools import product
from typing import Any

from tests.benchmarks import load, rooms
from tests.benchmarks.candidates import API, LOGIN, Candidate, growing
from tests.benchmarks.inside.known import PROJECT
from tests.benchmarks.load import CPU, Load, UnexpectedError, listeners, megabytes
from tests.benchmarks.results import GOALS, ME, Results
from tests.benchmarks.services import Service

CONNECTIONS = 32
LOGIN_SLICES = 3
"""A slice of logins takes so many times as long, because a login does."""

Calls = dict[str, tuple[Any, ...]]
"""By candidate: a function that measures a slice, and its arguments."""


@dataclass
class Bench:
    driver: Executor
    """The process that drives the load."""
    results: Results
    candidates: list[Candidate]
    seconds: float
    rounds: int

    def starts(self, services: Mapping[str, Service]) -> None:
        """Importing the application and `--help`; the first time only compiles."""
        commands = {
            "import of app.main": ("-c", "import app.main"),
            "--help": ("-m", "app", "--help"),
        }
        for turn, (name, service) in product(range(self.rounds + 1), services.items()):
            for what, command in commands.items():
                used = service.python(*command)
                if turn:
                    self.results.cell(what, name).add({"CPU s": used})

    def memory(self, when: str, candidates: list[Candidate]) -> None:
        for each in candidates:
            used = megabytes(listeners(each.url))
            self.results.cell(f"memory {when}", each.name).add({"MB": used})

    def routes(self) -> None:
        own = [name for each in self.candidates for name in each.routes]
        names = [name for name in dict.fromkeys([*GOALS, *own]) if name in own and name != LOGIN]
        self._take({name: self._loads(CPU, CONNECTIONS, name) for name in names})
        for cell in [each for each in self.results.cells if each.name == ME and each.samples]:
            p99 = self.results.cell(f"p99 of {ME}", cell.candidate)
            p99.samples = {"p99 ms": cell.samples["p99 ms"]}

    def logins(self) -> None:
        """Logins alone, then another route without logins and during them."""
        measures = {
            "login, 8 connections": self._loads("requests/s", 8, LOGIN),
            "users/me without logins": self._loads("p50 ms", 8, ME),
            "users/me during 8 logins": self._loads("p50 ms", 8, ME, LOGIN),
        }
        self._take(measures)

    def rooms(self) -> None:
        path = f"{API}/ws/projects/{PROJECT}"
        calls: Calls = {
            each.name: (rooms.measure, self.seconds, each.url + path, each.member, 1000)
            for each in self.candidates
            if each.member
        }
        self._take({"room, 1000 sockets": calls})

    def growth(self, rows: int) -> None:
        """One connection reads the lists."""
        for each in [each for each in self.candidates if each.admin]:
            each.routes |= growing(rows, each.admin)
        self._take({name: self._loads("p50 ms", 1, name) for name in growing(rows)})

    def _loads(self, first: str, connections: int, *names: str) -> Calls:
        """Load these routes at the same time, of the candidates that have them."""
        seconds = self.seconds * (LOGIN_SLICES if LOGIN in names else 1)
        calls: Calls = {}
        for each in self.candidates:
            if each.routes.keys() >= set(names):
                loads = [Load(each.url, each.routes[name], connections) for name in names]
                calls[each.name] = (load.measure, seconds, first, *loads)
        return calls

    def _take(self, measures: dict[str, Calls]) -> None:
        """Each round begins with another candidate. What has failed is not repeated."""
        for turn, (name, calls) in product(range(self.rounds), measures.items()):
            candidates = list(calls)
            first = turn % max(1, len(candidates))
            for candidate in candidates[first:] + candidates[:first]:
                cell = self.results.cell(name, candidate)
                if not cell.error:
                    print(f"  {name}, {candidate}", file=sys.stderr)
                    try:
                        cell.add(self.driver.submit(*calls[candidate]).result())
                    except (EOFError, OSError, UnexpectedError) as error:
                        cell.error = f"{type(error).__name__}: {error}"
