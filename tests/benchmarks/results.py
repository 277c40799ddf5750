"""Results: samples by measure and candidate, as JSON, as a table and compared with older ones."""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median

from tests.benchmarks.candidates import BARE, ME, REFERENCE

CPU = "CPU µs"
NOTABLE = 5
"""Percent from which `compare` marks a change."""


@dataclass
class Cell:
    """What was measured of a candidate, such as the route `users/me`."""

    name: str
    candidate: str
    samples: dict[str, list[float]] = field(default_factory=dict)
    """By quantity; the first one is the one to compare."""
    goal: str = ""
    error: str = ""

    def add(self, sample: dict[str, float]) -> None:
        for quantity, value in sample.items():
            self.samples.setdefault(quantity, []).append(value)

    @property
    def quantity(self) -> str:
        return next(iter(self.samples), "")

    @property
    def best(self) -> float:
        """The least sample, because other work of the machine only adds to it."""
        of_rate = self.quantity.endswith("/s")
        return (max if of_rate else min)(self.samples.get(self.quantity, [0]))


@dataclass
class Results:
    about: dict[str, str]
    cells: list[Cell] = field(default_factory=list)

    def cell(self, name: str, candidate: str, goal: str = "") -> Cell:
        for cell in self.cells:
            if (cell.name, cell.candidate) == (name, candidate):
                return cell
        self.cells.append(Cell(name, candidate, goal=goal))
        return self.cells[-1]

    @property
    def unit(self) -> float:
        """The CPU time of the bare route; 0 if it was not measured."""
        bare = (each.best for each in self.cells if (each.name, each.candidate) == (ME, BARE))
        return next(bare, 0)

    def units(self, cell: Cell) -> float:
        return cell.best / self.unit if self.unit and cell.quantity == CPU else 0

    @classmethod
    def read(cls, path: Path) -> "Results":
        content = json.loads(path.read_text(encoding="utf-8"))
        return cls(content["about"], [Cell(**each) for each in content["cells"]])

    def write(self, path: Path) -> None:
        path.write_text(json.dumps(asdict(self), indent=1) + "\n", encoding="utf-8")

    def table(self) -> str:
        heading = "measure | candidate | quantity | best | median | spread | units | goal | others"
        about = ", ".join(f"{name}: {value}" for name, value in self.about.items())
        return "\n".join([about, "", *aligned([heading.split(" | "), *map(self._row, self.cells)])])

    def _row(self, cell: Cell) -> list[str]:
        if cell.error:
            return [cell.name, cell.candidate, "failed", *[""] * 5, cell.error]
        values = cell.samples[cell.quantity]
        middle = median(values)
        spread = 100 * (max(values) - min(values)) / middle if middle else 0
        units = self.units(cell)
        goal = "" if cell.candidate in {BARE, REFERENCE} else cell.goal
        others = [
            f"{number(median(some))} {quantity}"
            for quantity, some in cell.samples.items()
            if quantity != cell.quantity
        ]
        return [
            *(cell.name, cell.candidate, cell.quantity, number(cell.best), number(middle)),
            *(f"{spread:.0f} %", f"{units:.2f}" if units else "", goal, ", ".join(others)),
        ]


def compare(old: Results, new: Results) -> str:
    """Return the change of every measure, of CPU time in units if both have the bare route."""
    rows = [["measure", "candidate", "old", "new", "change", ""]]
    known = {(each.name, each.candidate): each for each in old.cells if each.samples}
    for cell in new.cells:
        before = known.get((cell.name, cell.candidate))
        if before and cell.samples:
            rows.append(_change(old, before, new, cell))
    return "\n".join(aligned(rows))


def _change(old: Results, before: Cell, new: Results, after: Cell) -> list[str]:
    in_units = old.units(before) and new.units(after) and after.candidate != BARE
    was, now = (old.units(before), new.units(after)) if in_units else (before.best, after.best)
    percent = 100 * (now / was - 1) if was else 0
    quantity = "units" if in_units else after.quantity
    worse = (percent < 0) == quantity.endswith("/s")
    mark = ("worse" if worse else "better") if abs(percent) > NOTABLE else ""
    texts = (f"{number(was)} {quantity}", f"{number(now)} {quantity}", f"{percent:+.1f} %", mark)
    return [after.name, after.candidate, *texts]


def number(value: float) -> str:
    """Return three digits, or all before the decimal point."""
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"


def aligned(rows: list[list[str]]) -> Iterator[str]:
    """Yield the rows of a Markdown table."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        "| " + " | ".join(f"{cell:{width}}" for cell, width in zip(row, widths, strict=True)) + " |"
        for row in rows
    ]
    rule = "|" + "|".join("-" * (width + 2) for width in widths) + "|"
    yield from (lines[0], rule, *lines[1:])
