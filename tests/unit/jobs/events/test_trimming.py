"""Trims never pass what a group still needs, take several commits if need be, and are counted."""

from collections.abc import Callable

import pytest

from penstock.jobs.events.errors import Unsettled
from penstock.jobs.events.ids import LAST, NEW
from penstock.jobs.events.model import ID_MAX, ID_MIN, GroupName
from penstock.jobs.events.trimming import TrimWish
from penstock.jobs.events.turn import Turn
from penstock.jobs.model import Instant
from tests.unit.jobs.events.desk import (
    FIELDS,
    C,
    Desk,
    G,
    S,
    group_reader,
    ids_of,
    reader,
    served_ids,
    with_bounds,
)


def trim(desk: Desk, wish: TrimWish) -> int | None:
    """Trim, and let it go on as long as it has to; return what was told at the end."""
    told: list[int] = []
    desk.do(lambda turn: turn.trim(S, wish, told.append))
    desk.idle()
    return told[0] if told else None


def left(desk: Desk) -> list[int]:
    return [event_id[0] for event_id in desk.shelf.ids(S)]


@pytest.mark.parametrize(
    ("wish", "expected"),
    [
        (TrimWish(length_max=2), [5, 6]),
        (TrimWish(length_max=9), [1, 2, 3, 4, 5, 6]),
        (TrimWish(length_max=0), []),
        (TrimWish(before=(3, 0)), [3, 4, 5, 6]),
        (TrimWish(before=(3, 1)), [4, 5, 6]),
        (TrimWish(before=(1, 0)), [1, 2, 3, 4, 5, 6]),
        (TrimWish(length_max=2, is_approximate=True), [5, 6]),
        (TrimWish(length_max=2, is_approximate=True, limit=3), [4, 5, 6]),
        (TrimWish(length_max=2, is_approximate=True, limit=0), [5, 6]),
    ],
)
def test_a_trim_says_how_many_events_it_removed(wish: TrimWish, expected: list[int]) -> None:
    desk = Desk()
    desk.append_many(6)

    assert trim(desk, wish) == 6 - len(expected)
    assert left(desk) == expected
    assert desk.length() == len(expected)
    assert [event_id[0] for event_id in desk.range()] == expected


def test_a_stream_that_is_not_there_is_not_trimmed() -> None:
    assert trim(Desk(), TrimWish(length_max=0)) == 0


def test_who_trims_what_is_not_there_is_told_so_once_the_turn_is_written() -> None:
    desk = Desk()
    told: list[int] = []
    turn = desk.begin()
    turn.trim(S, TrimWish(length_max=0), told.append)
    desk.undo(turn)
    assert told == []

    assert trim(desk, TrimWish(length_max=0)) == 0


def test_a_trim_goes_on_commit_by_commit() -> None:
    desk = Desk(with_bounds(trim_events_max=2))
    desk.append_many(7)
    told: list[int] = []

    desk.do(lambda turn: turn.trim(S, TrimWish(length_max=2), told.append))

    assert (left(desk), told, desk.log.wants_turn) == ([3, 4, 5, 6, 7], [], True)
    desk.append((8, 0))  # It is not what is to be trimmed.
    assert (left(desk), told) == ([5, 6, 7, 8], [])
    desk.idle()
    assert (left(desk), told, desk.log.wants_turn) == ([6, 7, 8], [5], False)


def test_an_approximate_trim_goes_on_until_its_limit() -> None:
    desk = Desk(with_bounds(trim_events_max=2))
    desk.append_many(7)

    assert trim(desk, TrimWish(length_max=1, is_approximate=True, limit=3)) == 3
    assert left(desk) == [4, 5, 6, 7]


def test_two_trims_are_told_each_what_was_removed_since_it_came() -> None:
    desk = Desk(with_bounds(trim_events_max=2))
    desk.append_many(8)
    told: list[tuple[str, int]] = []
    desk.do(lambda turn: turn.trim(S, TrimWish(length_max=4), lambda n: told.append(("a", n))))

    desk.do(lambda turn: turn.trim(S, TrimWish(length_max=2), lambda n: told.append(("b", n))))
    desk.idle()

    assert told == [("a", 6), ("b", 4)]
    assert left(desk) == [7, 8]


def test_appending_trims_in_the_same_commit() -> None:
    desk = Desk()
    for ms in range(1, 6):
        desk.append((ms, 0), trim=TrimWish(length_max=2))

    assert left(desk) == [4, 5]
    assert desk.length() == 2
    assert desk.log.streams[S].first_id == (4, 0)


def test_many_trims_of_one_turn_are_one() -> None:
    desk = Desk()
    desk.append_many(4)
    turn = desk.begin()

    for ms in (5, 6, 7):
        turn.append(S, FIELDS, id=(ms, 0), trim=TrimWish(length_max=3))
    turn.append(S, FIELDS, id=(8, 0), trim=TrimWish(before=(2, 0)))
    desk.commit(turn)

    assert len(turn.writes.trims) == 1
    assert left(desk) == [5, 6, 7, 8]


def test_events_after_a_trim_of_the_turn_stay() -> None:
    desk = Desk()
    desk.append_many(4)
    turn = desk.begin()

    turn.append(S, FIELDS, id=(5, 0), trim=TrimWish(length_max=1))
    turn.append(S, FIELDS, id=(6, 0))
    desk.commit(turn)

    assert left(desk) == [5, 6]


def test_a_trim_does_not_pass_what_a_group_has_not_read() -> None:
    desk = Desk()
    desk.append_many(6)
    desk.group((3, 0))

    assert trim(desk, TrimWish(length_max=0)) == 3
    assert left(desk) == [4, 5, 6]


def test_a_trim_does_not_pass_what_is_pending() -> None:
    desk = Desk()
    desk.append_many(6)
    desk.group()
    desk.given()
    desk.ack((1, 0), (3, 0))

    assert trim(desk, TrimWish(length_max=0)) == 1
    desk.ack((2, 0))
    assert trim(desk, TrimWish(length_max=0)) == 2
    assert left(desk) == [4, 5, 6]


def test_a_trim_passes_a_group_that_allows_it() -> None:
    desk = Desk()
    desk.append_many(6)
    desk.group()
    desk.given(events_max=2)
    desk.do(lambda turn: turn.allow_trim(S, G, True))

    assert trim(desk, TrimWish(length_max=1)) == 5
    assert desk.given() == [(6, 0)]
    assert desk.shelf.group(S, G).is_lossy

    desk.do(lambda turn: turn.allow_trim(S, G, False))
    assert trim(desk, TrimWish(length_max=0)) == 0


def test_what_is_held_by_a_group_is_not_even_asked_for() -> None:
    desk = Desk()
    desk.append_many(3)
    desk.group()
    turn = desk.begin()

    turn.append(S, FIELDS, id=(4, 0), trim=TrimWish(length_max=1))
    desk.commit(turn)

    assert turn.writes.trims == []
    assert desk.length() == 4


UNSETTLED: list[Callable[[Turn], object]] = [
    lambda turn: turn.length(S),
    lambda turn: turn.read([(S, (0, 0))], None),
    lambda turn: turn.delete(S, [(6, 0)]),
    lambda turn: turn.trim(S, TrimWish(length_max=1), print),
    lambda turn: turn.describe(S),
    lambda turn: turn.set_id(S, (9, 0)),
]


def test_the_length_is_unsettled_while_events_are_removed() -> None:
    desk = Desk()
    desk.append_many(6)
    turn = desk.begin()
    turn.append(S, FIELDS, id=(7, 0), trim=TrimWish(length_max=2))

    for verb in UNSETTLED:
        with pytest.raises(Unsettled):
            verb(turn)

    desk.commit(turn)
    assert desk.length() == 2


def test_a_trim_whose_count_is_told_is_alone_in_its_turn() -> None:
    desk = Desk()
    desk.append_many(6)
    turn = desk.begin()
    told: list[int] = []
    turn.trim(S, TrimWish(length_max=4), told.append)

    with pytest.raises(Unsettled):
        turn.append(S, FIELDS, trim=TrimWish(length_max=2))
    turn.append(S, FIELDS)

    desk.commit(turn)
    assert told == [2]


def test_a_range_is_read_from_the_store_while_events_are_removed() -> None:
    desk = Desk()
    desk.append_many(6)
    turn = desk.begin()

    turn.append(S, FIELDS, id=(7, 0), trim=TrimWish(length_max=2))
    later = turn.range(S, ID_MIN, ID_MAX, None)

    assert ids_of(later(desk.commit(turn))) == [(6, 0), (7, 0)]


def test_a_group_reads_on_while_events_are_removed_behind_it() -> None:
    desk = Desk()
    desk.append_many(3)
    desk.group((2, 0))
    turn = desk.begin()

    turn.append(S, FIELDS, id=(4, 0), trim=TrimWish(length_max=1))
    later = turn.read_group(G, C, [(S, NEW)], None, no_ack=False)

    assert later is not None
    assert ids_of(later(desk.commit(turn))[S]) == [(3, 0), (4, 0)]
    assert left(desk) == [3, 4]


def test_a_group_that_may_lose_events_reads_once_it_is_known_which() -> None:
    desk = Desk()
    desk.append_many(3)
    desk.group()
    desk.do(lambda turn: turn.allow_trim(S, G, True))
    turn = desk.begin()
    turn.append(S, FIELDS, id=(4, 0), trim=TrimWish(length_max=1))

    with pytest.raises(Unsettled):
        turn.read_group(G, C, [(S, NEW)], None, no_ack=False)

    desk.commit(turn)
    assert desk.given() == [(4, 0)]


def test_who_waits_is_served_with_what_is_trimmed_in_the_same_commit() -> None:
    desk = Desk()
    desk.group()
    desk.do(lambda turn: turn.allow_trim(S, G, True))
    desk.park(reader())
    desk.park(group_reader())

    desk.append((5, 0), (6, 0), trim=TrimWish(length_max=1))

    assert [served_ids(served) for served in desk.log.take_served()] == [
        [(5, 0), (6, 0)],
        [(5, 0), (6, 0)],
    ]


def test_an_undone_trim_removes_nothing_and_is_forgotten() -> None:
    desk = Desk()
    desk.append_many(6)
    told: list[int] = []
    turn = desk.begin()
    turn.trim(S, TrimWish(length_max=1), told.append)

    desk.undo(turn)

    assert (told, desk.log.wants_turn, desk.length()) == ([], False, 6)


def test_an_undone_slice_of_a_trim_is_tried_again() -> None:
    desk = Desk(with_bounds(trim_events_max=2))
    desk.append_many(6)
    told: list[int] = []
    desk.do(lambda turn: turn.trim(S, TrimWish(length_max=1), told.append))

    desk.undo(desk.begin())

    assert (told, desk.log.wants_turn) == ([], True)
    desk.idle()
    assert (told, left(desk)) == ([5], [6])


def test_a_trim_ends_with_its_stream() -> None:
    desk = Desk(with_bounds(trim_events_max=2))
    desk.append_many(6)
    told: list[int] = []
    desk.do(lambda turn: turn.trim(S, TrimWish(length_max=1), told.append))

    turn = desk.begin()
    assert turn.drop(S)
    desk.undo(turn)
    assert (told, desk.log.wants_turn) == ([], True)

    desk.do(lambda turn: turn.drop(S))
    assert told == [2]


def test_a_trim_waits_while_single_events_are_deleted() -> None:
    desk = Desk(with_bounds(trim_events_max=2))
    desk.append_many(6)
    told: list[int] = []
    desk.do(lambda turn: turn.trim(S, TrimWish(length_max=1), told.append))

    assert desk.answer(lambda turn: turn.delete(S, [(4, 0)])) == 1

    assert left(desk) == [3, 5, 6]
    desk.idle()
    assert (left(desk), told) == ([6], [4])


def test_deleted_events_are_counted() -> None:
    desk = Desk()
    desk.append_many(6)

    assert desk.answer(lambda turn: turn.delete(S, [(4, 0), (4, 0), (1, 0), (9, 9)])) == 2
    assert desk.answer(lambda turn: turn.delete(S, [(4, 0)])) == 0

    stream = desk.log.streams[S]
    assert (stream.length, stream.first_id, stream.max_deleted_id) == (4, (2, 0), (4, 0))
    assert desk.shelf.record(S).max_deleted_id == (4, 0)
    assert desk.range() == [(2, 0), (3, 0), (5, 0), (6, 0)]


def test_nothing_is_deleted_of_a_stream_that_is_not_there() -> None:
    assert Desk().answer(lambda turn: turn.delete(S, [(4, 0)])) == 0


def test_a_deletion_is_not_held_up_by_a_group() -> None:
    desk = Desk()
    desk.append_many(3)
    desk.group()

    assert desk.answer(lambda turn: turn.delete(S, [(2, 0)])) == 1
    assert desk.given() == [(1, 0), (3, 0)]


def test_appending_with_a_trim_waits_for_a_deletion() -> None:
    desk = Desk()
    desk.append_many(3)
    turn = desk.begin()
    turn.delete(S, [(2, 0)])

    with pytest.raises(Unsettled):
        turn.append(S, FIELDS, trim=TrimWish(length_max=2))
    assert turn.append(S, FIELDS, id=(5, 0)) == (5, 0)

    desk.commit(turn)
    assert desk.length() == 3


def test_what_is_appended_and_deleted_in_one_turn_is_not_served() -> None:
    desk = Desk()
    desk.append_many(1)
    desk.park(reader())
    turn = desk.begin()

    turn.append(S, FIELDS, id=(5, 0))
    turn.delete(S, [(5, 0)])
    desk.commit(turn)

    assert desk.log.take_served() == []
    assert desk.length() == 1


def test_readers_of_a_group_wait_while_single_events_are_deleted() -> None:
    desk = Desk()
    desk.append_many(1)
    desk.group(LAST)
    desk.park(group_reader())
    turn = desk.begin()

    turn.append(S, FIELDS, id=(5, 0))
    turn.append(S, FIELDS, id=(6, 0))
    turn.delete(S, [(5, 0)])
    desk.commit(turn)

    assert (desk.log.take_served(), desk.log.wants_turn) == ([], True)
    desk.idle()
    assert [served_ids(served) for served in desk.log.take_served()] == [[(6, 0)]]


def test_appending_may_be_asked_whether_it_may_trim() -> None:
    desk = Desk()
    turn = desk.begin()
    turn.check_trim(S)  # There is nothing that it would wait for.
    turn.append(S, FIELDS)
    turn.check_trim(S)
    turn.delete(S, [(1, 0)])
    with pytest.raises(Unsettled):
        turn.check_trim(S)
    desk.commit(turn)


def test_a_trim_that_finds_nothing_left_ends() -> None:
    desk = Desk(with_bounds(trim_events_max=2))
    desk.append_many(4)
    told: list[int] = []
    desk.do(lambda turn: turn.trim(S, TrimWish(before=(4, 0)), told.append))

    desk.answer(lambda turn: turn.delete(S, [(3, 0)]))
    desk.idle()

    assert (left(desk), told) == ([4], [2])


def test_a_slice_of_a_trim_may_remove_nothing() -> None:
    """What was to go is counted, and was deleted one by one meanwhile."""
    desk = Desk(with_bounds(trim_events_max=2))
    desk.append_many(5)
    told: list[int] = []
    desk.do(lambda turn: turn.trim(S, TrimWish(length_max=2), told.append))

    desk.answer(lambda turn: turn.delete(S, [(5, 0)]))
    desk.idle()

    assert (left(desk), told) == ([3, 4], [2])


# --- what a stream is to keep --------------------------------------------------------------------


def keep(desk: Desk, length_max: int | None = None, age_ms_max: int | None = None) -> None:
    def configure(turn: Turn) -> None:
        turn.configure(S, length_max=length_max, age_ms_max=age_ms_max)

    desk.do(configure)


def housekeep(desk: Desk) -> list[int]:
    """Do what is to be done in the background; return what is left."""
    desk.log.housekeep(desk.now)
    desk.idle()
    return left(desk)


def test_a_stream_is_held_to_its_length() -> None:
    desk = Desk(with_bounds(trim_events_max=2))
    keep(desk, length_max=3)
    desk.append_many(8)
    assert len(left(desk)) == 8

    assert housekeep(desk) == [6, 7, 8]
    assert not desk.log.wants_turn


def test_a_stream_is_held_to_its_age() -> None:
    desk = Desk()
    desk.append_many(8)
    keep(desk, age_ms_max=20)

    desk.now = Instant(25)
    assert housekeep(desk) == [5, 6, 7, 8]


def test_what_a_stream_keeps_is_known_after_a_restart() -> None:
    desk = Desk()
    desk.append_many(8)
    keep(desk, length_max=3)

    assert housekeep(desk.restart()) == [6, 7, 8]


def test_retention_does_not_pass_a_cursor() -> None:
    desk = Desk()
    desk.append_many(8)
    keep(desk, length_max=3)
    desk.group((2, 0), group=GroupName("slow"))

    assert housekeep(desk) == [3, 4, 5, 6, 7, 8]
    desk.log.housekeep(desk.now)
    desk.idle()
    turn = desk.begin()
    turn.finish()
    assert turn.is_idle
    desk.log.undone(turn)


def test_a_stream_that_loses_events_anyway_is_looked_at_by_and_by() -> None:
    desk = Desk()
    keep(desk, length_max=1)
    desk.append_many(4)
    desk.log.housekeep(desk.now)

    desk.answer(lambda turn: turn.delete(S, [(2, 0)]))

    assert left(desk) == [1, 3, 4]
    assert housekeep(desk) == [4]


def test_a_stream_without_events_has_nothing_to_trim() -> None:
    desk = Desk()
    keep(desk, length_max=1)

    assert housekeep(desk) == []


def test_what_was_too_much_may_be_gone_when_it_is_looked_at() -> None:
    desk = Desk()
    keep(desk, length_max=3)
    desk.append_many(4)
    desk.log.housekeep(desk.now)

    keep(desk, length_max=5)

    assert left(desk) == [1, 2, 3, 4]


def test_a_bound_may_be_taken_away() -> None:
    desk = Desk()
    keep(desk, length_max=3, age_ms_max=5)
    desk.append_many(4)

    keep(desk)

    assert housekeep(desk) == [1, 2, 3, 4]
    record = desk.shelf.record(S)
    assert (record.length_max, record.age_ms_max) == (None, None)


def test_one_bound_leaves_the_other_as_it_is() -> None:
    desk = Desk()
    keep(desk, length_max=3, age_ms_max=5)

    desk.do(lambda turn: turn.configure(S, length_max=7))
    record = desk.shelf.record(S)
    assert (record.length_max, record.age_ms_max) == (7, 5)

    desk.do(lambda turn: turn.configure(S, age_ms_max=9))
    record = desk.shelf.record(S)
    assert (record.length_max, record.age_ms_max) == (7, 9)


def test_what_is_dropped_is_swept() -> None:
    desk = Desk(with_bounds(sweep_rows_max=3))
    desk.append_many(8)
    desk.do(lambda turn: turn.drop(S))

    assert desk.log.wants_turn
    desk.idle()
    assert not desk.shelf.snapshot().has_sweepings


def test_what_was_dropped_before_a_restart_is_swept() -> None:
    desk = Desk()
    desk.append_many(8)
    desk.do(lambda turn: turn.drop(S))

    desk = desk.restart()
    desk.idle()

    assert not desk.shelf.snapshot().has_sweepings
