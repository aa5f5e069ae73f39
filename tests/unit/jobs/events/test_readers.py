"""Who waits is served by the commit that brings the event, all of them in one pass."""

from collections.abc import Mapping

import pytest

from penstock.jobs.errors import Overloaded
from penstock.jobs.events.errors import NoGroupToRead
from penstock.jobs.events.ids import LAST, NEW
from penstock.jobs.events.model import Event, GroupName, StreamName
from penstock.jobs.events.readers import Reader
from penstock.jobs.model import Instant
from tests.unit.jobs.events.desk import (
    FIELDS,
    NOW,
    C,
    D,
    Desk,
    G,
    S,
    group_reader,
    ids_of,
    reader,
    served_ids,
    with_bounds,
)


def test_a_reader_is_served_once_the_event_is_durable() -> None:
    desk = Desk()
    desk.append_many(1)
    waiting = desk.park(reader())
    turn = desk.begin()

    turn.append(S, FIELDS, id=(5, 0))
    turn.append(S, FIELDS, id=(6, 0))
    turn.finish()

    assert desk.log.take_served() == []
    desk.log.applied(turn, desk.shelf.commit(turn.writes, desk.now))
    [served] = desk.log.take_served()
    assert served.reader is waiting
    assert served_ids(served) == [(5, 0), (6, 0)]
    assert desk.log.reader_count == 0


def test_a_reader_is_not_served_by_what_is_undone() -> None:
    desk = Desk()
    desk.park(reader())
    turn = desk.begin()
    turn.append(S, FIELDS)

    desk.undo(turn)

    assert desk.log.take_served() == []
    desk.append((5, 0))
    assert [served_ids(served) for served in desk.log.take_served()] == [[(5, 0)]]


def test_a_reader_may_wait_for_a_stream_that_is_not_there() -> None:
    desk = Desk()
    desk.park(reader())

    desk.append((5, 0))

    assert [served_ids(served) for served in desk.log.take_served()] == [[(5, 0)]]


def test_a_reader_waits_for_what_is_after_its_id() -> None:
    desk = Desk()
    desk.append_many(2)
    desk.park(reader((6, 0)))

    desk.append((5, 0), (6, 0))
    assert desk.log.take_served() == []

    desk.append((7, 0))
    assert [served_ids(served) for served in desk.log.take_served()] == [[(7, 0)]]


def test_readers_of_the_same_events_are_given_the_same_object() -> None:
    desk = Desk()
    desk.append_many(1)
    for events_max in (None, None, 1, None):
        desk.park(reader(events_max=events_max))

    desk.append((5, 0), (6, 0))

    served = desk.log.take_served()
    assert [len(served_ids(one)) for one in served] == [2, 2, 1, 2]
    assert served[0].readings is served[1].readings is served[3].readings


def test_a_reader_of_two_streams_is_served_by_the_first_that_has_something() -> None:
    desk = Desk()
    other = StreamName("t")
    waiting = Reader(
        streams=[(S, (0, 0)), (other, (0, 0))], events_max=None, block_ms=0, token=None
    )
    desk.park(waiting)

    desk.append((5, 0), stream=other)
    desk.append((5, 0))

    [served] = desk.log.take_served()
    assert isinstance(served.readings, Mapping)
    assert list(served.readings) == [other]


def test_a_reader_of_a_group_is_served_in_the_very_turn() -> None:
    desk = Desk()
    desk.group()
    desk.park(group_reader())
    turn = desk.begin()

    turn.append(S, FIELDS, id=(5, 0))
    desk.commit(turn)

    assert [entry.id for _, entry in turn.writes.pending] == [(5, 0)]
    [served] = desk.log.take_served()
    assert served_ids(served) == [(5, 0)]


def test_readers_of_a_group_are_served_in_the_order_they_came() -> None:
    desk = Desk()
    desk.group()
    first = desk.park(group_reader(events_max=2))
    second = desk.park(group_reader(consumer=D, events_max=5))
    third = desk.park(group_reader())

    desk.append((5, 0), (6, 0), (7, 0))

    served = desk.log.take_served()
    assert [one.reader for one in served] == [first, second]
    assert [served_ids(one) for one in served] == [[(5, 0), (6, 0)], [(7, 0)]]
    desk.append((8, 0))
    assert [one.reader for one in desk.log.take_served()] == [third]


def test_each_group_serves_its_own_readers() -> None:
    desk = Desk()
    desk.group()
    desk.group(group=GroupName("h"))
    first = desk.park(group_reader())
    second = desk.park(group_reader(group=GroupName("h")))

    assert desk.log.unpark(first)
    desk.append((5, 0))

    assert [one.reader for one in desk.log.take_served()] == [second]


def test_undone_readers_of_a_group_wait_again_in_their_old_order() -> None:
    desk = Desk()
    desk.group()
    first = desk.park(group_reader(events_max=1, block_ms=100))
    second = desk.park(group_reader(events_max=1))
    turn = desk.begin()
    turn.append(S, FIELDS)
    turn.append(S, FIELDS)

    desk.undo(turn)

    assert desk.log.take_served() == []
    desk.append((5, 0), (6, 0))
    assert [one.reader for one in desk.log.take_served()] == [first, second]
    assert desk.log.next_at() is None


def test_a_reader_that_goes_while_it_is_served_is_answered_if_that_is_undone() -> None:
    desk = Desk()
    desk.group()
    waiting = desk.park(group_reader())
    turn = desk.begin()
    turn.append(S, FIELDS)
    turn.finish()

    assert not desk.log.unpark(waiting)
    desk.log.undone(turn)

    [served] = desk.log.take_served()
    assert (served.reader, served.readings) == (waiting, None)
    assert desk.log.reader_count == 0


def test_a_reader_that_is_parked_stays_so_if_its_turn_is_undone() -> None:
    desk = Desk()
    turn = desk.begin()
    turn.append(S, FIELDS)
    turn.park(reader())

    desk.undo(turn)
    desk.append((5, 0))

    assert [served_ids(served) for served in desk.log.take_served()] == [[(5, 0)]]


def test_a_reader_parked_after_an_undone_append_misses_nothing() -> None:
    """What it took for the last event never was."""
    desk = Desk()
    turn = desk.begin()
    turn.append(S, FIELDS, id=(50, 0))
    turn.park(reader())

    desk.undo(turn)
    desk.append((5, 0))

    assert [served_ids(served) for served in desk.log.take_served()] == [[(5, 0)]]


def test_a_wait_ends_when_its_time_is_over() -> None:
    desk = Desk()
    waiting = desk.park(reader(block_ms=100))
    desk.park(reader(block_ms=0))

    desk.log.tick(Instant(NOW + 99))
    assert desk.log.take_served() == []
    assert desk.log.next_at() == NOW + 100

    desk.log.tick(Instant(NOW + 100))
    [served] = desk.log.take_served()
    assert (served.reader, served.readings) == (waiting, None)
    assert desk.log.reader_count == 1


def test_a_wait_begins_when_its_turn_has_ended() -> None:
    desk = Desk()
    turn = desk.begin()
    turn.park(reader(block_ms=100))

    desk.log.tick(Instant(NOW + 500))
    assert desk.log.take_served() == []

    desk.commit(turn)
    desk.log.tick(Instant(NOW + 500))
    assert len(desk.log.take_served()) == 1


def test_a_wait_lasts_as_long_though_the_clock_is_moved() -> None:
    desk = Desk()
    desk.park(reader(block_ms=100))

    desk.log.clock_stepped(-500)

    assert desk.log.next_at() == NOW - 400


def test_a_reader_that_has_gone_is_not_served() -> None:
    desk = Desk()
    waiting = desk.park(reader(block_ms=100))

    assert desk.log.unpark(waiting)
    assert not desk.log.unpark(waiting)

    desk.append()
    assert (desk.log.take_served(), desk.log.next_at()) == ([], None)


def test_all_waits_end_when_the_server_leaves() -> None:
    desk = Desk()
    desk.group()
    waiting = {desk.park(reader()), desk.park(group_reader()), desk.park(reader(block_ms=5))}

    desk.log.end_reads()

    served = desk.log.take_served()
    assert {one.reader for one in served} == waiting
    assert all(one.readings is None for one in served)
    assert (desk.log.reader_count, desk.log.next_at()) == (0, None)


def test_there_is_a_maximum_of_readers() -> None:
    desk = Desk(with_bounds(readers_max=1))
    desk.park(reader())

    with pytest.raises(Overloaded):
        desk.park(reader())

    assert desk.log.reader_count == 1


def test_a_reader_is_told_when_its_group_goes() -> None:
    desk = Desk()
    desk.group()
    desk.park(group_reader())

    assert desk.do(lambda turn: turn.destroy_group(S, G))

    [served] = desk.log.take_served()
    assert isinstance(served.readings, NoGroupToRead)


def test_a_reader_whose_group_was_made_in_an_undone_turn_is_told_that_there_is_none() -> None:
    desk = Desk()
    turn = desk.begin()
    turn.create_group(S, G, LAST, makes_stream=True)
    waiting = group_reader()
    turn.park(waiting)

    desk.undo(turn)

    [served] = desk.log.take_served()
    assert served.reader is waiting
    assert isinstance(served.readings, NoGroupToRead)


def test_a_reader_that_is_parked_and_undone_waits_for_a_group_that_was_there() -> None:
    desk = Desk()
    desk.group()
    turn = desk.begin()
    waiting = group_reader()
    turn.park(waiting)

    desk.undo(turn)

    assert desk.log.take_served() == []
    desk.append((5, 0))
    assert [one.reader for one in desk.log.take_served()] == [waiting]


def test_a_reader_that_found_nothing_in_an_undone_turn_is_served_what_was_there() -> None:
    desk = Desk()
    desk.append_many(2)
    desk.group()
    turn = desk.begin()
    turn.advance(S, G, (2, 0), 2)
    waiting = group_reader()
    turn.park(waiting)

    desk.undo(turn)
    desk.idle()

    assert [served_ids(served) for served in desk.log.take_served()] == [[(1, 0), (2, 0)]]


def test_a_reader_of_a_stream_that_was_not_dropped_after_all_is_told_to_ask_again() -> None:
    desk = Desk()
    desk.append_many(2)
    turn = desk.begin()
    turn.drop(S)
    waiting, other = reader((1, 0)), reader((2, 0))
    turn.park(waiting)
    turn.park(other)

    desk.undo(turn)

    [served] = desk.log.take_served()
    assert (served.reader, served.readings) == (waiting, None)
    assert desk.log.unpark(other)


def test_room_that_another_group_makes_is_for_who_waits() -> None:
    desk = Desk(with_bounds(pending_max=1))
    other = GroupName("h")
    desk.group()
    desk.group(group=other)
    desk.append((4, 0))
    desk.given(group=other)
    desk.do(lambda turn: turn.set_group_id(S, G, LAST))
    waiting = desk.park(group_reader())
    desk.append((5, 0))
    assert desk.log.take_served() == []

    turn = desk.begin()
    turn.ack(S, other, [(4, 0)])
    desk.undo(turn)
    assert desk.log.take_served() == []
    desk.ack((4, 0), group=other)

    assert [one.reader for one in desk.log.take_served()] == [waiting]


def test_a_reader_of_a_group_of_two_streams_is_served_by_either() -> None:
    desk = Desk()
    other = StreamName("t")
    desk.group()
    desk.group(stream=other)
    first, second = (
        Reader(
            streams=[(S, NEW), (other, NEW)],
            events_max=None,
            block_ms=0,
            token=None,
            group=G,
            consumer=C,
        )
        for _ in range(2)
    )
    desk.park(first)
    desk.park(second)

    desk.append((5, 0), stream=other)
    [served] = desk.log.take_served()
    assert served.reader is first

    desk.append((5, 0))
    [served] = desk.log.take_served()
    assert served.reader is second
    assert desk.log.reader_count == 0


def test_a_group_that_is_sent_back_and_destroyed_serves_nobody() -> None:
    desk = Desk()
    desk.append_many(1)
    desk.group(LAST)
    turn = desk.begin()

    turn.set_group_id(S, G, (0, 0))
    turn.destroy_group(S, G)
    desk.commit(turn)

    assert turn.served == []


def test_a_full_group_serves_nobody_until_something_is_acknowledged() -> None:
    desk = Desk(with_bounds(group_pending_max=1))
    desk.group()
    desk.park(group_reader())
    desk.park(group_reader(consumer=D))

    desk.append((5, 0), (6, 0))
    assert [served_ids(one) for one in desk.log.take_served()] == [[(5, 0)]]
    assert not desk.log.wants_turn

    desk.ack((5, 0))
    assert [served_ids(one) for one in desk.log.take_served()] == [[(6, 0)]]


def test_a_reader_whose_consumer_is_one_too_many_is_told_so() -> None:
    desk = Desk(with_bounds(consumers_max=1))
    desk.group()
    desk.given(consumer=C)
    desk.park(group_reader(consumer=D))
    desk.park(group_reader(consumer=C))

    desk.append((5, 0))

    first, second = desk.log.take_served()
    assert isinstance(first.readings, Overloaded)
    assert served_ids(second) == [(5, 0)]


def test_what_the_store_appended_is_given_to_all_who_wait() -> None:
    desk = Desk()
    life = StreamName("jobs:q")
    desk.group(stream=life)
    desk.park(reader(stream=life))
    waiting = Reader(
        streams=[(life, (0, 0))], events_max=None, block_ms=0, token=None, group=G, consumer=C
    )
    desk.park(waiting)
    turn = desk.begin()
    turn.expect_life(life)
    turn.finish()
    answers = desk.shelf.commit(turn.writes, desk.now)
    answers.late = [(desk.log.streams[life].number, Event((7, 0), 1, FIELDS))]

    desk.log.applied(turn, answers)

    assert [served_ids(one) for one in desk.log.take_served()] == [[(7, 0)]]
    assert desk.log.wants_turn
    desk.idle()
    [served] = desk.log.take_served()
    assert served.reader is waiting
    assert served_ids(served) == [(7, 0)]
    assert ids_of(desk.log.streams[life].recent.events) == [(7, 0)]


def test_who_waits_is_given_what_came_before_its_stream_was_dropped() -> None:
    desk = Desk()
    desk.append_many(1)
    desk.park(reader())
    turn = desk.begin()

    turn.append(S, FIELDS, id=(5, 0))
    turn.drop(S)
    desk.commit(turn)

    assert [served_ids(served) for served in desk.log.take_served()] == [[(5, 0)]]
    assert desk.log.streams == {}
