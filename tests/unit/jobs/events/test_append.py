"""Events are appended in the order they are asked for; offsets have no gap."""

import pytest

from penstock.jobs.errors import Overloaded
from penstock.jobs.events.errors import IdMustBePositive, ServersStream, StreamIdTooSmall
from penstock.jobs.events.ids import LAST
from penstock.jobs.events.model import StreamName
from tests.unit.jobs.events.desk import FIELDS, NOW, Desk, G, S, with_bounds


def test_an_event_is_written_with_its_id_and_its_offset() -> None:
    desk = Desk()

    [event_id] = desk.append()

    [event] = desk.shelf.events(S)
    assert event_id == event.id == (NOW, 0)
    assert (event.offset, event.fields) == (1, FIELDS)
    record = desk.shelf.record(S)
    assert (record.name, record.last_id, record.added_count) == (S, event_id, 1)


def test_events_of_one_millisecond_differ_in_their_sequence() -> None:
    desk = Desk()

    ids = [*desk.append(), *desk.append()]

    assert ids == [(NOW, 0), (NOW, 1)]
    assert [event.offset for event in desk.shelf.events(S)] == [1, 2]


def test_a_stream_that_is_not_there_may_be_left_alone() -> None:
    desk = Desk()

    assert desk.do(lambda turn: turn.append(S, FIELDS, makes_stream=False)) is None
    assert (desk.shelf.names, desk.log.streams) == ([], {})


def test_a_refused_event_leaves_no_trace() -> None:
    desk = Desk()
    desk.append((5, 0))

    with pytest.raises(StreamIdTooSmall):
        desk.append((5, 0))

    assert desk.length() == 1
    assert desk.append((5, 1)) == [(5, 1)]


def test_a_refused_first_event_makes_no_stream() -> None:
    desk = Desk()

    with pytest.raises(IdMustBePositive):
        desk.append((0, 0))

    assert (desk.shelf.names, desk.log.streams) == ([], {})


def test_nobody_writes_of_the_life_of_jobs_but_the_server() -> None:
    desk = Desk()
    life = StreamName("jobs:q")

    with pytest.raises(ServersStream):
        desk.append(stream=life)

    desk.do(lambda turn: turn.create_group(life, G, LAST, makes_stream=True))
    with pytest.raises(ServersStream):
        desk.append(stream=life)
    desk.do(lambda turn: turn.append_life(life, FIELDS))
    assert desk.do(lambda turn: turn.length(life)) == 1


def test_there_is_a_maximum_of_streams() -> None:
    desk = Desk(with_bounds(streams_max=1))
    desk.append()

    with pytest.raises(Overloaded):
        desk.append(stream=StreamName("t"))

    assert desk.append((NOW, 1)) == [(NOW, 1)]


def test_the_length_counts_what_the_turn_has_appended() -> None:
    desk = Desk()
    desk.append_many(3)
    turn = desk.begin()

    turn.append(S, FIELDS)

    assert turn.length(S) == 4
    assert turn.length(StreamName("t")) == 0
    desk.undo(turn)
    assert desk.length() == 3


def test_an_undone_turn_leaves_no_event_and_no_stream() -> None:
    desk = Desk()
    turn = desk.begin()
    turn.append(S, FIELDS)
    turn.append(S, FIELDS)

    desk.undo(turn)

    assert desk.log.streams == {}
    assert desk.append((1, 0)) == [(1, 0)]
    assert [event.offset for event in desk.shelf.events(S)] == [1]


def test_offsets_go_on_after_a_restart() -> None:
    desk = Desk()
    desk.append_many(2)

    desk = desk.restart()
    desk.append()

    assert [event.offset for event in desk.shelf.events(S)] == [1, 2, 3]
    assert desk.length() == 3
