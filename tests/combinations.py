"""The supported combinations of answers, as data for pytest and the CI workflow."""

import json
import sys
from dataclasses import dataclass
from itertools import product

Answer = str | bool

# The answers to each question. The last varies fastest, so that neighbours share most packages.
QUESTIONS: dict[str, tuple[Answer, ...]] = {
    "database": ("sqlite", "postgres"),
    "use_redis": (False, True),
    "use_celery": (False, True),
    "use_websockets": (False, True),
}

# Incompatible answers: every combination that contains one of these is rejected.
REFUSED: tuple[dict[str, Answer], ...] = ({"use_redis": False, "use_celery": True},)

# Words that must not appear in a project unless it gave this answer.
WORDS: dict[tuple[str, Answer], tuple[str, ...]] = {
    ("database", "sqlite"): ("sqlite",),
    ("database", "postgres"): ("postgres", "psycopg", "asyncpg"),
    ("use_redis", True): ("redis", "valkey"),
    ("use_celery", True): ("celery", "kombu"),
    ("use_websockets", True): ("websocket", "realtime"),
}

PYTHONS = ("3.11", "3.13")
OPTIONAL_PYTHONS = ("3.14",)
"""The workflows may fail on these. Move a version to `PYTHONS` once the tests have passed on it."""


@dataclass(frozen=True)
class Combination:
    answers: dict[str, Answer]

    @property
    def id(self) -> str:
        """The chosen values and the enabled parts, such as `postgres-redis-celery`."""
        words = (name if answer is True else answer for name, answer in self.answers.items())
        return "-".join(word.removeprefix("use_") for word in words if word)

    @property
    def refused(self) -> bool:
        return any(clash.items() <= self.answers.items() for clash in REFUSED)

    @property
    def absent_words(self) -> tuple[str, ...]:
        chosen = set(self.answers.items())
        return tuple(word for part, words in WORDS.items() if part not in chosen for word in words)


_EVERY = [
    Combination(dict(zip(QUESTIONS, answers, strict=True)))
    for answers in product(*QUESTIONS.values())
]
VALID = [combination for combination in _EVERY if not combination.refused]
HEAVIEST_FIRST = sorted(VALID, key=lambda each: -len(each.id))
"""The order to run them in, so that no worker ends with a long suite."""
INVALID = [combination for combination in _EVERY if combination.refused]


def jobs(event: str) -> list[dict[str, str]]:
    """Return one job per combination for a pull request, and otherwise one per Python as well.

    Neighbours, one answer apart, get different Pythons, so that each answer runs on all of them.
    """
    return [
        {"combination": each.id, "python": python}
        for each in VALID
        for number, python in enumerate(PYTHONS)
        if event != "pull_request" or number == _distance(each) % len(PYTHONS)
    ]


def _distance(combination: Combination) -> int:
    """Count how many steps the answers are from the defaults."""
    return sum(QUESTIONS[name].index(answer) for name, answer in combination.answers.items())


if __name__ == "__main__":
    lists = {
        "pythons": PYTHONS,
        "optional_pythons": OPTIONAL_PYTHONS,
        "combinations": [each.id for each in VALID],
        "jobs": jobs(sys.argv[1]),
    }
    print(json.dumps(lists))
