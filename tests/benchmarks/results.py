"""Results: samples by measure and candidate, as JSON, as a table and compared with older ones."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median

from tests.benchmarks.load import CPU, Sample

BARE, REFERENCE = "bare", "reference"
ME = "users/me"
HEADING = ("measure", "candidate", "best", "median", "spread", "units", "goal", "others")
GOALS = {
    "memory at rest": "≤ 95 MB",
    "import of app.main": "≤ 1.8 s",
    "--help": "≤ 0.35 s",
    ME: "≤ 3.5 units",
    "p99 of users/me": "≤ 0.7 × the peer's",
    "organization": "≤ 4 units",
    "users, 20 with total": "≤ 5.5 units",
    "users, 100 with total": "≤ 8 units",
    "projects, 20 with total": "≤ 6.5 units",
    "create project": "≤ 7.5 units",
    "PATCH users/me": "≤ 5.5 units",
    "refresh": "≤ 10 units",
    "/health": "≤ 0.5 units",
    "unknown path": "≤ 0.7 units",
    "login, 8 connections": "≥ 8 × the peer's",
    "users/me during 8 logins": "≤ 1.3 × without",
    "room, 1000 sockets": "≥ 80,000/s",
    "first page": "≤ 15 ms",
    "deep cursor": "≤ 15 ms",
    "offset 10,000": "≤ 15 ms",
}
"""By measure, or by the page of a list that grows. A unit is the CPU time of the bare route."""
NOTABLE = 5
"""Percent from which `compare` marks a change."""


@dataclass
class Cell:
    """What was measured of a candidate, such as the route `users/me`."""

    name: str
    candidate: str
    error: str = ""
    samples: dict[str, list[float]] = field(default_factory=dict)
    """By quantity; the first one is the one to compare."""

    def add(self, sample: Sample) -> None:
        for quantity, value in sample.items():
            self.samples.setdefault(quantity, []).append(value)

    @property
    def quantity(self) -> str:
        return next(iter(self.samples), "")

    @property
    def best(self) -> float:
        """The least sample, because other work of the machine only adds to it."""
        best = max if self.quantity.endswith("/s") else min
        return best(self.samples.get(self.quantity, [0]))


@dataclass
class Results:
    about: dict[str, str]
    cells: list[Cell] = field(default_factory=list)

    def cell(self, name: str, candidate: str) -> Cell:
        for cell in self.cells:
            if (cell.name, cell.candidate) == (name, candidate):
                return cell
        self.cells.append(Cell(name, candidate))
        return self.cells[-1]

    def units(self, cell: Cell) -> float:
        """The CPU time divided by that of the bare route; 0 if one of them is unknown."""
        bare = [each.best for each in self.cells if (each.name, each.candidate) == (ME, BARE)]
        return cell.best / bare[0] if any(bare) and cell.quantity == CPU else 0

    @classmethod
    def read(cls, path: Path) -> "Results":
        content = json.loads(path.read_text(encoding="utf-8"))
        return cls(content["about"], [Cell(**each) for each in content["cells"]])

    def write(self, path: Path) -> None:
        path.write_text(json.dumps(asdict(self), indent=1) + "\n", encoding="utf-8")

    def table(self) -> str:
        about = ", ".join(f"{name}: {value}" for name, value in self.about.items())
        names = [each.name for each in self.cells]
        cells = sorted(self.cells, key=lambda each: names.index(each.name))
        return f"{about}\n\n{aligned([HEADING, *map(self._row, cells)])}"

    def _row(self, cell: Cell) -> tuple[str, ...]:
        if cell.error:
            return (cell.name, cell.candidate, "failed", "", "", "", "", cell.error)
        (first, middle), *others = [(name, median(some)) for name, some in cell.samples.items()]
        spread = (max(cell.samples[first]) - min(cell.samples[first])) / middle
        page = cell.name.partition(";")[0].rpartition(", ")[2]
        goal = GOALS.get(cell.name) or GOALS.get(page, "")
        return (
            *(cell.name, cell.candidate, f"{number(cell.best)} {first}", number(middle)),
            f"{spread:.0%}",
            f"{self.units(cell):.2f}" if self.units(cell) else "",
            "" if cell.candidate in {BARE, REFERENCE} else goal,
            ", ".join(f"{number(value)} {quantity}" for quantity, value in others),
        )


def compare(old: Results, new: Results) -> str:
    """Return the change of every measure, of CPU time in units if both have the bare route."""
    rows = [("measure", "candidate", "old", "new", "change", "")]
    known = {(each.name, each.candidate): each for each in old.cells if each.samples}
    for after in [each for each in new.cells if each.samples]:
        if before := known.get((after.name, after.candidate)):
            was, now, quantity = old.units(before), new.units(after), "units"
            if after.candidate == BARE or not (was and now):
                was, now, quantity = before.best, after.best, after.quantity
            percent = 100 * (now / was - 1)
            mark = "worse" if (percent < 0) == quantity.endswith("/s") else "better"
            change = (f"{percent:+.1f} %", mark if abs(percent) > NOTABLE else "")
            values = (f"{number(was)} {quantity}", f"{number(now)} {quantity}")
            rows.append((after.name, after.candidate, *values, *change))
    return aligned(rows)


def number(value: float) -> str:
    """Return three digits, or all before the decimal point."""
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"


def aligned(rows: Sequence[tuple[str, ...]]) -> str:
    """Return a Markdown table; the first row is its heading."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [rows[0], ["-" * width for width in widths], *rows[1:]]
    return "\n".join(f"| {' | '.join(map(str.ljust, line, widths))} |" for line in lines)
