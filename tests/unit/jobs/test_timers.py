"""Timers: due in order, cancelled for nothing."""

from hypothesis import given
from hypothesis import strategies as st

from penstock.jobs.model import Instant
from penstock.jobs.timers import Timers, soonest


def at(ms: int) -> Instant:
    return Instant(ms)


def test_nothing_is_due_when_there_are_no_timers() -> None:
    timers: Timers[str] = Timers()

    assert timers.next_at() is None
    assert list(timers.pop_due(at(100))) == []


def test_what_is_due_comes_in_its_order() -> None:
    timers: Timers[str] = Timers()
    timers.add(at(20), "second")
    timers.add(at(10), "first")
    timers.add(at(30), "third")

    assert list(timers.pop_due(at(20))) == ["first", "second"]
    assert timers.next_at() == 30


def test_what_is_due_at_the_same_time_comes_in_the_order_it_was_added() -> None:
    timers: Timers[str] = Timers()
    timers.add(at(10), "first")
    timers.add(at(10), "second")

    assert list(timers.pop_due(at(10))) == ["first", "second"]


def test_a_cancelled_timer_does_not_fire() -> None:
    timers: Timers[str] = Timers()
    timers.cancel(timers.add(at(10), "cancelled"))
    timers.add(at(20), "kept")

    assert timers.next_at() == 20
    assert list(timers.pop_due(at(30))) == ["kept"]


def test_cancelling_twice_is_harmless() -> None:
    timers: Timers[str] = Timers()
    timer = timers.add(at(10), "a")

    timers.cancel(timer)
    timers.cancel(timer)

    assert len(timers) == 0


def test_cancelling_what_has_fired_is_harmless() -> None:
    timers: Timers[str] = Timers()
    timer = timers.add(at(10), "a")
    fired = list(timers.pop_due(at(10)))

    timers.cancel(timer)

    assert fired == ["a"]
    assert len(timers) == 0


def test_timers_that_are_cancelled_early_cost_no_memory() -> None:
    timers: Timers[int] = Timers()
    timers.add(at(10**9), -1)

    for number in range(100_000):
        timers.cancel(timers.add(at(10**6 + number), number))

    assert len(timers) == 1
    assert len(timers._heap) < 5_000
    assert list(timers.pop_due(at(10**9))) == [-1]


def test_timers_follow_a_clock_that_was_set() -> None:
    timers: Timers[str] = Timers()
    timers.add(at(20), "second")
    timers.add(at(10), "first")

    timers.shift(1_000)

    assert timers.next_at() == 1_010
    assert list(timers.pop_due(at(1_020))) == ["first", "second"]


@given(st.lists(st.tuples(st.integers(0, 50), st.booleans())), st.integers(0, 50))
def test_exactly_what_is_due_and_was_not_cancelled_fires(
    added: list[tuple[int, bool]], now: int
) -> None:
    timers: Timers[int] = Timers()
    made = [timers.add(at(ms), number) for number, (ms, _) in enumerate(added)]
    for timer, (_, is_cancelled) in zip(made, added, strict=True):
        if is_cancelled:
            timers.cancel(timer)

    fired = list(timers.pop_due(at(now)))

    kept = [(ms, number) for number, (ms, is_cancelled) in enumerate(added) if not is_cancelled]
    assert fired == [number for ms, number in sorted(kept) if ms <= now]
    assert len(timers) == len(kept) - len(fired)


def test_the_soonest_of_instants_is_the_least_of_those_that_are() -> None:
    assert soonest(None, at(7), None, at(5), at(6)) == 5
    assert soonest(None, None) is None
    assert soonest() is None
