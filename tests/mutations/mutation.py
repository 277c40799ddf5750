"""A change that takes a rule of security away, and the tests that must notice."""

from dataclasses import dataclass
from pathlib import Path

TEMPLATE = Path(__file__).parents[2] / "template"

ALL = "postgres-redis-celery-websockets"


@dataclass(frozen=True)
class Mutation:
    """`old` occurs once in `file` of template/; `tests` are the stems of files in its tests/."""

    name: str
    file: str
    old: str
    new: str
    tests: str
    combination: str = "sqlite"
    also: tuple[tuple[str, str], ...] = ()
    """Further changes, where a rule is held twice."""

    @property
    def changes(self) -> tuple[tuple[str, str], ...]:
        return ((self.old, self.new), *self.also)

    @property
    def rendered(self) -> str:
        """The file in a project."""
        return self.file.removesuffix(".jinja")

    @property
    def test_files(self) -> list[str]:
        found = [
            path for name in self.tests.split() for path in TEMPLATE.glob(f"tests/*/{name}.py")
        ]
        return [path.relative_to(TEMPLATE).as_posix() for path in found]
