"""What is read is what was durable, with what the turn decided before."""

import pytest

from penstock.jobs.events.errors import Unsettled
from penstock.jobs.events.ids import LAST
from penstock.jobs.events.model import ID_MAX, ID_MIN, EventId, StreamName
from tests.unit.jobs.events.desk import FIELDS, Desk, S, ids_of, with_bounds

SMALL = with_bounds(recent_events_max=3)


@pytest.mark.parametrize("bounds", [SMALL, with_bounds()], ids=["store", "memory"])
@pytest.mark.parametrize(
    ("first", "last", "events_max", "backwards", "expected"),
    [
        (ID_MIN, ID_MAX, None, False, [1, 2, 3, 4, 5, 6]),
        (ID_MIN, ID_MAX, 2, False, [1, 2]),
        (ID_MIN, ID_MAX, 2, True, [6, 5]),
        (ID_MIN, ID_MAX, 5, True, [6, 5, 4, 3, 2]),
        ((2, 0), (3, 0), None, False, [2, 3]),
        ((2, 0), (3, 0), None, True, [3, 2]),
        ((5, 0), ID_MAX, None, False, [5, 6]),
        ((5, 1), ID_MAX, None, False, [6]),
        ((7, 0), ID_MAX, None, False, []),
        ((5, 0), (4, 0), None, False, []),
        (ID_MIN, ID_MAX, 0, False, []),
    ],
)
def test_a_range_has_its_ends(
    bounds: object,
    first: EventId,
    last: EventId,
    events_max: int | None,
    backwards: bool,
    expected: list[int],
) -> None:
    desk = Desk(bounds)  # type: ignore[arg-type]
    desk.append_many(6)

    found = desk.answer(lambda turn: turn.range(S, first, last, events_max, backwards=backwards))

    assert [event.id[0] for event in found] == expected


def test_a_stream_that_is_not_there_has_no_events() -> None:
    desk = Desk()

    assert desk.range() == []
    assert desk.read() is None


def test_a_range_does_not_have_what_comes_after_it_in_the_turn() -> None:
    desk = Desk(SMALL)
    desk.append_many(6)
    turn = desk.begin()

    later = turn.range(S, ID_MIN, ID_MAX, None)
    turn.append(S, FIELDS)

    assert len(later(desk.commit(turn))) == 6


def test_what_a_reply_is_read_from_is_not_removed_in_the_turn() -> None:
    desk = Desk(SMALL)
    desk.append_many(6)
    turn = desk.begin()
    later = turn.range(S, ID_MIN, ID_MAX, None)

    with pytest.raises(Unsettled):
        turn.delete(S, [(1, 0)])

    assert len(later(desk.commit(turn))) == 6


def test_a_range_has_what_the_turn_appended_before() -> None:
    desk = Desk()
    desk.append_many(2)
    turn = desk.begin()

    turn.append(S, FIELDS, id=(3, 0))
    later = turn.range(S, (2, 0), ID_MAX, None)

    assert ids_of(later(desk.commit(turn))) == [(2, 0), (3, 0)]


def test_a_reply_has_a_maximum_of_events_and_of_bytes() -> None:
    size = sum(map(len, FIELDS))
    desk = Desk(with_bounds(range_events_max=4, range_bytes_max=3 * size))
    desk.append_many(6)

    assert desk.range() == [(1, 0), (2, 0), (3, 0)]
    found = desk.answer(lambda turn: turn.range(S, ID_MIN, ID_MAX, 9, backwards=True))
    assert ids_of(found) == [(6, 0), (5, 0), (4, 0)]


def test_one_commit_reads_only_so_much() -> None:
    desk = Desk(with_bounds(recent_events_max=1, reads_bytes_max=10, event_bytes_max=4))
    desk.append_many(6)
    turn = desk.begin()
    turn.range(S, (1, 0), (1, 0), 2)

    with pytest.raises(Unsettled):
        turn.range(S, (1, 0), (1, 0), 1)

    desk.commit(turn)


@pytest.mark.parametrize("bounds", [SMALL, with_bounds()], ids=["store", "memory"])
def test_a_read_has_what_comes_after_an_id(bounds: object) -> None:
    desk = Desk(bounds)  # type: ignore[arg-type]
    desk.append_many(6)

    assert ids_of(desk.read((1, 0), events_max=2)[S]) == [(2, 0), (3, 0)]
    assert ids_of(desk.read((4, 0))[S]) == [(5, 0), (6, 0)]
    assert desk.read((6, 0)) is None
    assert desk.read(LAST) is None


def test_a_read_after_a_restart_knows_which_event_is_the_last() -> None:
    desk = Desk()
    desk.append_many(3)
    desk.answer(lambda turn: turn.delete(S, [(3, 0)]))

    desk = desk.restart()

    assert desk.read((2, 0)) is None
    assert ids_of(desk.read((1, 0))[S]) == [(2, 0)]


def test_a_read_has_what_the_turn_appended_before() -> None:
    desk = Desk()
    desk.append_many(2)
    turn = desk.begin()

    turn.append(S, FIELDS, id=(5, 0))
    later = turn.read([(S, (1, 0))], None)
    answers = desk.commit(turn)

    assert later is not None
    assert ids_of(later(answers)[S]) == [(2, 0), (5, 0)]


def test_a_read_leaves_out_streams_that_have_nothing() -> None:
    desk = Desk()
    desk.append_many(2)
    desk.append_many(3, stream=StreamName("t"))

    readings = desk.answer(
        lambda turn: turn.read([(S, (2, 0)), (StreamName("t"), (2, 0))], None) or _fail
    )

    assert list(readings) == ["t"]


def _fail(_: object) -> dict[StreamName, list[object]]:
    raise AssertionError


def test_a_window_that_is_filled_again_has_what_came_meanwhile() -> None:
    desk = Desk(SMALL)
    desk.append_many(6)
    desk = desk.restart()
    turn = desk.begin()

    with pytest.raises(Unsettled):
        turn.read([(S, (4, 0))], None)
    turn.append(S, FIELDS, id=(7, 0))
    desk.commit(turn)

    assert ids_of(desk.log.streams[S].recent.events) == [(5, 0), (6, 0), (7, 0)]
    assert desk.log.streams[S].recent.after == (4, 9_223_372_036_854_775_807)


def test_a_window_is_filled_once_a_turn() -> None:
    desk = Desk(SMALL)
    desk.append_many(6)
    desk = desk.restart()
    turn = desk.begin()

    for _ in range(2):
        with pytest.raises(Unsettled):
            turn.read([(S, (4, 0))], None)
    desk.commit(turn)

    assert len(turn.writes.ranges) == 1


def test_an_undone_turn_of_questions_is_asked_again() -> None:
    desk = Desk(SMALL)
    desk.append_many(6)
    desk = desk.restart()
    turn = desk.begin()
    with pytest.raises(Unsettled):
        turn.read([(S, (4, 0))], None)

    desk.undo(turn)

    assert ids_of(desk.read((4, 0))[S]) == [(5, 0), (6, 0)]
