"""When the disk counts as low, and when no longer."""

import pytest

from penstock.jobs.space import LowSpace, enough_bytes, is_low

# Whether it was low, what is free of a mark of 100, whether it is low.
DECISIONS = [
    (False, 1000, False),
    (False, 100, False),
    (False, 99, True),
    (False, 0, True),
    (True, 0, True),
    (True, 100, True),
    (True, 124, True),
    (True, 125, False),
    (True, 1000, False),
]


@pytest.mark.parametrize(("was_low", "free", "low"), DECISIONS)
def test_what_was_goes_on_between_the_mark_and_enough(was_low: bool, free: int, low: bool) -> None:
    assert is_low(was_low, free_bytes=free, min_bytes=100) is low


def test_a_job_that_comes_and_goes_at_the_mark_changes_the_verdict_once() -> None:
    verdicts = [False]
    for free in [101, 99, 101, 99, 120, 99, 130, 101, 130]:
        verdicts.append(is_low(verdicts[-1], free_bytes=free, min_bytes=100))

    assert verdicts == [False, False, *[True] * 5, *[False] * 3]


@pytest.mark.parametrize(("mark", "enough"), [(1, 1), (4, 5), (100, 125)])
def test_enough_is_a_quarter_more_than_the_mark(mark: int, enough: int) -> None:
    assert enough_bytes(mark) == enough
    assert LowSpace("/data", 0, mark).enough_bytes == enough
