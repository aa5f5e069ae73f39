"""An estimate that settles, follows, and is never a surprise."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.jobs.model import Instant
from penstock.jobs.pace import Pace
from tests.unit.jobs.desk import NOW


def after(ms: int) -> Instant:
    return Instant(NOW + ms)


def paced(every_ms: int, until_ms: int) -> Pace:
    pace = Pace()
    for ms in range(0, until_ms + 1, every_ms):
        pace.note(after(ms))
    return pace


def test_a_queue_that_nothing_left_has_no_pace() -> None:
    assert Pace().per_second(NOW) == 0


@pytest.mark.parametrize("every_ms", [1, 10, 250, 1_000, 7_000, 600_000])
def test_a_steady_pace_is_met(every_ms: int) -> None:
    until = 100 * max(every_ms, 1_000)

    assert paced(every_ms, until).per_second(after(until)) == pytest.approx(1_000 / every_ms, 0.02)


def test_bursts_are_smoothed() -> None:
    pace = Pace()
    for second in range(300):
        for _ in range(50):
            pace.note(after(1_000 * second + 500))

    assert pace.per_second(after(300_000)) == pytest.approx(50, 0.1)


def test_a_change_is_followed_within_two_minutes() -> None:
    pace = paced(1_000, 300_000)
    for ms in range(300_000, 420_000, 10):
        pace.note(after(ms))

    assert pace.per_second(after(420_000)) == pytest.approx(100, 0.05)


def test_the_estimate_falls_while_nothing_leaves() -> None:
    pace = paced(100, 60_000)

    estimates = [pace.per_second(after(60_000 + wait)) for wait in (0, 10_000, 60_000, 3_600_000)]

    assert estimates == sorted(estimates, reverse=True)
    assert estimates[-1] == pytest.approx(1 / 3_600, 0.01)


def test_one_job_is_no_rush() -> None:
    pace = paced(1, 0)

    assert pace.per_second(NOW) == 1
    assert pace.per_second(after(10_000)) == pytest.approx(0.1)


def test_a_clock_that_goes_back_is_followed() -> None:
    pace = paced(100, 60_000)
    for ms in range(-10_000, 60_000, 100):
        pace.note(after(ms))

    assert pace.per_second(after(60_000)) == pytest.approx(10, 0.02)


@given(st.lists(st.integers(-(10**9), 10**9), max_size=50), st.integers(-(10**9), 10**9))
def test_the_estimate_is_never_negative_nor_beyond_what_left(steps: list[int], then: int) -> None:
    pace = Pace()
    now = NOW
    for step in steps:
        now = Instant(now + step)
        pace.note(now)

    assert 0 <= pace.per_second(Instant(now + then)) <= max(1, len(steps))
