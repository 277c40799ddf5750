from itertools import count, takewhile

import pytest

from app.tasks.backoff import Backoff


def test_pauses_double_up_to_the_longest_with_jitter() -> None:
    backoff = Backoff(longest=16, give_up_after=100)

    pauses = [backoff.pause_after(failures) or 0 for failures in range(1, 8)]

    ratios = [pause / usual for pause, usual in zip(pauses, [1, 2, 4, 8, 16, 16, 16], strict=True)]
    assert all(0.75 <= ratio <= 1.25 for ratio in ratios)
    assert len(set(ratios)) == len(ratios)


@pytest.mark.parametrize("longest", [1, 16, 1000])
def test_task_is_given_up_when_its_pauses_reach_the_limit(longest: float) -> None:
    backoff = Backoff(longest=longest, give_up_after=300)

    pauses = takewhile(bool, map(backoff.pause_after, count(1)))

    assert 0.75 * 300 < sum(filter(None, pauses)) < 1.25 * (300 + longest)
    assert backoff.pause_after(10_000) is None
