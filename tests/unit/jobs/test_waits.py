"""Those who wait: parked, started, forgotten."""

import pytest

from penstock.jobs.errors import Overloaded
from penstock.jobs.model import Instant, JobId
from penstock.jobs.waits import Waiter, Waits
from tests.unit.jobs.desk import NOW


def a_waiter(job_id: int = 1, wait_ms: int = 100) -> Waiter:
    return Waiter(job_id=JobId(job_id), wait_ms=wait_ms, token=None)


def test_a_wait_is_timed_from_when_it_was_parked() -> None:
    waits = Waits(10)
    waiter = a_waiter()

    waits.add(waiter, NOW)
    before = waits.timers.next_at()
    waits.start(waiter)

    assert before is None
    assert waits.timers.next_at() == NOW + 100


def test_a_waiter_that_is_not_parked_is_not_timed() -> None:
    waits = Waits(10)

    waits.start(a_waiter())

    assert waits.timers.next_at() is None


def test_a_waiter_is_removed_once() -> None:
    waits = Waits(10)
    first, second = a_waiter(), a_waiter()
    waits.add(first, NOW)
    waits.add(second, NOW)

    assert waits.remove(first)
    assert not waits.remove(first)
    assert waits.take(JobId(1)) == [second]


def test_nothing_is_left_when_all_are_removed() -> None:
    waits = Waits(10)
    waiter = a_waiter()
    waits.add(waiter, NOW)
    waits.start(waiter)

    waits.remove(waiter)

    assert waits.waiter_count == 0
    assert waits._by_job == {}
    assert len(waits.timers) == 0


def test_nobody_waits_for_an_unknown_job() -> None:
    assert Waits(10).take(JobId(1)) == []


def test_all_are_taken_in_the_order_of_their_jobs() -> None:
    waits = Waits(10)
    waiters = [a_waiter(2), a_waiter(1)]
    for waiter in waiters:
        waits.add(waiter, NOW)

    assert waits.take_all() == waiters
    assert waits.waiter_count == 0


def test_a_waiter_that_fired_can_be_removed() -> None:
    waits = Waits(10)
    waiter = a_waiter()
    waits.add(waiter, NOW)
    waits.start(waiter)
    fired = list(waits.timers.pop_due(Instant(NOW + 100)))

    assert fired == [waiter]
    assert waits.remove(waiter)


def test_a_place_that_is_kept_is_taken() -> None:
    waits = Waits(1)

    waits.reserve()

    with pytest.raises(Overloaded):
        waits.add(a_waiter(), NOW)


def test_a_place_that_is_given_back_is_free() -> None:
    waits = Waits(1)
    waits.reserve()

    waits.unreserve()
    waits.add(a_waiter(), NOW)

    assert waits.waiter_count == 1


def test_there_is_a_most() -> None:
    waits = Waits(1)
    waits.add(a_waiter(), NOW)

    with pytest.raises(Overloaded, match="parked: the limit of 1 is reached"):
        waits.add(a_waiter(), NOW)
