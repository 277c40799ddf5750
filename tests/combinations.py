"""Every combination that the template promises, as data: pytest runs them, CI reads them too."""

import json
import sys
from dataclasses import dataclass
from itertools import product

Answer = str | bool

# The answers of each optional part. The last one changes fastest: neighbours share most packages.
QUESTIONS: dict[str, tuple[Answer, ...]] = {
    "database": ("sqlite", "postgres"),
    "use_redis": (False, True),
    "use_celery": (False, True),
    "use_websockets": (False, True),
}

# Answers that do not go together, each as the part of a combination that is refused.
REFUSED: tuple[dict[str, Answer], ...] = ({"use_redis": False, "use_celery": True},)

# Words that must not appear anywhere in a project that answered otherwise.
WORDS: dict[tuple[str, Answer], tuple[str, ...]] = {
    ("database", "sqlite"): ("sqlite",),
    ("database", "postgres"): ("postgres", "psycopg", "asyncpg"),
    ("use_redis", True): ("redis", "valkey"),
    ("use_celery", True): ("celery", "kombu"),
    ("use_websockets", True): ("websocket", "realtime"),
}

PYTHONS = ("3.11", "3.13")
OPTIONAL_PYTHONS = ("3.14",)
"""The workflows run on these too, and may fail there until the tests have been seen to pass."""


@dataclass(frozen=True)
class Combination:
    answers: dict[str, Answer]

    @property
    def id(self) -> str:
        """`postgres`, or `postgres-redis-celery`: the choices, and the switches that are on."""
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
"""Run in this order, no worker is left alone with a long suite at the end."""
INVALID = [combination for combination in _EVERY if combination.refused]


def jobs(event: str) -> list[dict[str, str]]:
    """For a pull request each combination on one Python; for all else on every one.

    Neighbours, which differ in one answer, get different ones: so each part meets them all.
    """
    return [
        {"combination": each.id, "python": python}
        for each in VALID
        for number, python in enumerate(PYTHONS)
        if event != "pull_request" or number == _distance(each) % len(PYTHONS)
    ]


def _distance(combination: Combination) -> int:
    """From the defaults."""
    return sum(QUESTIONS[name].index(answer) for name, answer in combination.answers.items())


if __name__ == "__main__":
    lists = {
        "pythons": PYTHONS,
        "optional_pythons": OPTIONAL_PYTHONS,
        "combinations": [each.id for each in VALID],
        "jobs": jobs(sys.argv[1]),
    }
    print(json.dumps(lists))
