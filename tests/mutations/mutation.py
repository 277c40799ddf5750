"""A change that takes a rule of security away, and the tests that must notice."""

from dataclasses import dataclass

ALL = "postgres-redis-celery-websockets"


@dataclass(frozen=True)
class Mutation:
    """`file` lies in template/, where `old` is once; `tests` are files in its tests/."""

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
        return [f"tests/{name}.py" for name in self.tests.split()]
