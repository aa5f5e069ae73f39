"""The window of the last events knows all there are after the id that it names."""

from penstock.jobs.events.budget import Budget
from penstock.jobs.events.model import Event, EventId
from penstock.jobs.events.recent import Recent
from tests.unit.jobs.events.desk import ids_of, with_bounds

THREE = with_bounds(recent_events_max=3, recent_bytes_max=100)


def event(ms: int, size: int = 2) -> Event:
    return Event((ms, 0), ms, (b"n", b"v" * (size - 1)))


def some(*events: Event) -> Recent:
    recent = Recent()
    recent.extend(events, THREE)
    return recent


def ids(recent: Recent) -> list[EventId]:
    return ids_of(recent.events)


def test_the_first_ones_go_if_there_are_too_many() -> None:
    recent = some(event(1), event(2), event(3), event(4), event(5))

    assert ids(recent) == [(3, 0), (4, 0), (5, 0)]
    assert recent.after == (2, 0)
    assert recent.bytes_count == 6


def test_the_first_ones_go_if_they_are_too_large() -> None:
    recent = some(event(1, 60), event(2, 30), event(3, 30))

    assert ids(recent) == [(2, 0), (3, 0)]
    assert (recent.after, recent.bytes_count) == ((1, 0), 60)


def test_the_last_one_stays_however_large_it_is() -> None:
    recent = some(event(1, 500))

    assert ids(recent) == [(1, 0)]


def test_an_event_is_found_by_its_id() -> None:
    recent = some(event(1), event(3))

    assert recent.find((3, 0)) == event(3)
    assert recent.find((2, 0)) is None
    assert recent.find((4, 0)) is None


def test_deleted_events_are_forgotten() -> None:
    recent = some(event(1), event(2), event(3))

    recent.remove([(2, 0), (7, 0)])

    assert ids(recent) == [(1, 0), (3, 0)]
    assert (recent.after, recent.bytes_count) == ((0, 0), 4)


def test_a_deletion_before_the_window_is_nothing_to_it() -> None:
    recent = some(event(5))

    recent.remove([(2, 0)])

    assert ids(recent) == [(5, 0)]


def test_trimmed_events_are_forgotten() -> None:
    recent = some(event(1), event(2), event(3))

    recent.cut((2, 0))

    assert (ids(recent), recent.after, recent.bytes_count) == ([(3, 0)], (2, 0), 2)


def test_a_window_that_is_cleared_knows_that_nothing_comes_after_it() -> None:
    recent = some(event(1), event(2))

    recent.clear()
    recent.clear()

    assert (ids(recent), recent.after, recent.bytes_count) == ([], (2, 0), 0)


def test_a_window_is_filled_from_the_end() -> None:
    recent = Recent((9, 0))

    recent.fill([event(5), event(7)], (4, 0), THREE)

    assert (ids(recent), recent.after) == ([(5, 0), (7, 0)], (4, 0))


def test_all_windows_together_have_a_maximum() -> None:
    total = Budget(10)
    first, second, third = some(event(1, 4)), some(event(2, 4)), some(event(3, 4))
    for recent in (first, second, first, third):
        total.changed(recent)

    total.shrink(())

    assert (ids(first), ids(second), ids(third)) == ([(1, 0)], [], [(3, 0)])
    assert total.bytes_count == 8


def test_a_window_that_is_needed_stays() -> None:
    total = Budget(10)
    windows = [some(event(ms, 4)) for ms in (1, 2, 3, 4)]
    for recent in windows:
        total.changed(recent)

    total.shrink({windows[0], windows[1]})

    assert [len(recent.events) for recent in windows] == [1, 1, 0, 1]
    assert total.bytes_count == 12


def test_the_window_used_last_stays_however_large_it_is() -> None:
    total = Budget(10)
    recent = some(event(1, 50))
    total.changed(recent)

    total.shrink(())

    assert (ids(recent), total.bytes_count) == ([(1, 0)], 50)


def test_what_has_become_less_is_counted_again() -> None:
    total = Budget(10)
    first, second = some(event(1, 4), event(2, 4)), some(event(3, 4))
    total.changed(first)
    total.changed(second)

    first.cut((1, 0))
    total.recount(first)
    total.recount(some())
    total.shrink(())

    assert (ids(first), total.bytes_count) == ([(2, 0)], 8)


def test_what_is_forgotten_is_not_counted() -> None:
    total = Budget(10)
    recent = some(event(1, 4))
    total.changed(recent)

    total.forget(recent)

    assert total.bytes_count == 0
