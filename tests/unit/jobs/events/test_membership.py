"""Groups, consumers and streams come and go; an undone turn leaves them as they were."""

from collections.abc import Callable

import pytest

from penstock.jobs.errors import Overloaded
from penstock.jobs.events.definitions import (
    drop_schedule,
    drop_trigger,
    put_schedule,
    put_trigger,
)
from penstock.jobs.events.errors import (
    AddedBelowLength,
    IdBelowDeleted,
    IdBelowLast,
    NoGroup,
    NoStream,
    NoStreamForGroup,
    OffsetsOnlyGrow,
    ServersStream,
    Unsettled,
)
from penstock.jobs.events.ids import LAST, NEW
from penstock.jobs.events.model import ConsumerName, GroupName, StreamName
from penstock.jobs.events.trimming import TrimWish
from penstock.jobs.events.turn import Turn
from penstock.jobs.store.event_port import ScheduleRecord, TriggerRecord
from tests.unit.jobs.events.desk import (
    FIELDS,
    NOW,
    C,
    D,
    Desk,
    G,
    S,
    group_reader,
    served_ids,
    with_bounds,
)

NEEDS_A_GROUP: list[Callable[[Turn], object]] = [
    lambda turn: turn.set_group_id(S, G, LAST),
    lambda turn: turn.create_consumer(S, G, C),
    lambda turn: turn.delete_consumer(S, G, C),
    lambda turn: turn.allow_trim(S, G, True),
    lambda turn: turn.upcoming(S, G, 1),
    lambda turn: turn.advance(S, G, (1, 0)),
]


@pytest.mark.parametrize("verb", NEEDS_A_GROUP)
def test_a_verb_that_needs_a_group_says_what_is_missing(verb: Callable[[Turn], object]) -> None:
    desk = Desk()

    with pytest.raises(NoStreamForGroup):
        desk.do(verb)

    desk.append()
    with pytest.raises(NoGroup, match="No such consumer group 'g' for key name 's'"):
        desk.do(verb)


def test_there_is_a_maximum_of_groups() -> None:
    desk = Desk(with_bounds(groups_max=1))
    desk.group()

    with pytest.raises(Overloaded):
        desk.group(group=GroupName("h"))


def test_a_group_may_be_sent_back() -> None:
    desk = Desk()
    desk.append_many(4)
    desk.group()
    desk.given()
    desk.ack((1, 0), (2, 0), (3, 0), (4, 0))

    desk.do(lambda turn: turn.set_group_id(S, G, (2, 0)))

    assert desk.given(consumer=D) == [(3, 0), (4, 0)]


def test_who_waits_is_served_when_its_group_is_sent_back() -> None:
    desk = Desk()
    desk.append_many(4)
    desk.group(LAST)
    desk.park(group_reader())

    desk.do(lambda turn: turn.set_group_id(S, G, (3, 0), read_count=3))

    assert [served_ids(served) for served in desk.log.take_served()] == [[(4, 0)]]


def test_a_group_that_is_destroyed_is_gone_with_all_that_was_pending() -> None:
    desk = Desk()
    desk.append_many(2)
    desk.group()
    desk.given()

    assert desk.do(lambda turn: turn.destroy_group(S, G))
    assert not desk.do(lambda turn: turn.destroy_group(S, G))

    assert desk.log.pending_count == 0
    assert desk.restart().log.group(S, G) is None


def test_no_group_is_destroyed_where_there_is_no_stream() -> None:
    desk = Desk()

    with pytest.raises(NoStreamForGroup):
        desk.do(lambda turn: turn.destroy_group(S, G))


def test_a_destroyed_group_comes_back_if_that_is_undone() -> None:
    desk = Desk()
    desk.append_many(2)
    for name in "ghi":
        desk.group(group=GroupName(name))
    desk.given()
    turn = desk.begin()

    turn.destroy_group(S, G)
    turn.create_group(S, G, LAST)
    turn.read_group(GroupName("h"), C, [(S, NEW)], None, no_ack=False)
    desk.undo(turn)

    assert list(desk.log.streams[S].groups) == ["g", "h", "i"]
    assert desk.log.pending_count == 2
    assert desk.given(after=(0, 0)) == [(1, 0), (2, 0)]


def test_a_group_made_and_destroyed_in_one_turn_never_was() -> None:
    desk = Desk()
    desk.append_many(2)
    turn = desk.begin()

    turn.create_group(S, G, (0, 0))
    turn.read_group(G, C, [(S, NEW)], None, no_ack=False)
    turn.confirm(S, G, "key", 1_000)
    turn.destroy_group(S, G)
    desk.commit(turn)

    writes = turn.writes
    assert (writes.groups, writes.dropped_groups, writes.pending, writes.handled) == (
        [],
        [],
        [],
        [],
    )
    assert desk.log.pending_count == 0


def test_a_consumer_is_made_once() -> None:
    desk = Desk()
    desk.group()

    assert desk.do(lambda turn: turn.create_consumer(S, G, C))
    assert not desk.do(lambda turn: turn.create_consumer(S, G, C))
    assert [consumer.name for consumer in desk.shelf.consumers(S, G)] == [C]


def test_there_is_a_maximum_of_consumers() -> None:
    desk = Desk(with_bounds(consumers_max=1))
    desk.group()
    desk.do(lambda turn: turn.create_consumer(S, G, C))

    with pytest.raises(Overloaded):
        desk.do(lambda turn: turn.create_consumer(S, G, D))


def test_a_consumer_goes_with_what_is_pending_for_it() -> None:
    desk = Desk()
    desk.append_many(3)
    desk.group()
    desk.given(events_max=2)
    desk.given(consumer=D)

    assert desk.do(lambda turn: turn.delete_consumer(S, G, C)) == 2
    assert desk.do(lambda turn: turn.delete_consumer(S, G, C)) == 0

    assert [entry.id for entry in desk.shelf.pending(S, G)] == [(3, 0)]
    assert [consumer.name for consumer in desk.shelf.consumers(S, G)] == [D]


def test_a_consumer_that_comes_back_in_the_same_turn_has_nothing_pending() -> None:
    desk = Desk()
    desk.append_many(3)
    desk.group()
    desk.given(events_max=2)

    def replace(turn: Turn) -> None:
        turn.delete_consumer(S, G, C)
        turn.create_consumer(S, G, C)

    desk.do(replace)

    assert desk.shelf.pending(S, G) == []
    assert desk.given() == [(3, 0)]


def test_what_a_consumer_that_goes_had_taken_over_is_written_off() -> None:
    desk = Desk()
    desk.append_many(1)
    desk.group()
    desk.given()

    def take_over(turn: Turn) -> None:
        turn.auto_claim(S, G, D, idle_ms=0, start=(0, 0), events_max=9, just_id=True)
        turn.delete_consumer(S, G, D)

    desk.do(take_over)

    assert desk.shelf.pending(S, G) == []


def test_a_deleted_consumer_comes_back_if_that_is_undone() -> None:
    desk = Desk()
    desk.append_many(2)
    desk.group()
    desk.given()
    turn = desk.begin()

    turn.delete_consumer(S, G, C)
    turn.create_consumer(S, G, D)
    desk.undo(turn)

    group = desk.log.group(S, G)
    assert group is not None
    assert list(group.consumers) == [C]
    assert desk.given(after=(0, 0)) == [(1, 0), (2, 0)]


# --- streams -------------------------------------------------------------------------------------


def test_a_dropped_stream_is_gone_with_its_groups() -> None:
    desk = Desk()
    desk.append_many(2)
    desk.group()
    desk.given()
    waiting = desk.park(group_reader())

    assert desk.do(lambda turn: turn.drop(S))
    assert not desk.do(lambda turn: turn.drop(S))

    assert (desk.log.streams, desk.log.pending_count, desk.shelf.names) == ({}, 0, [])
    assert [served.reader for served in desk.log.take_served()] == [waiting]


def test_a_stream_that_is_made_again_begins_anew() -> None:
    desk = Desk()
    desk.append_many(2)
    turn = desk.begin()

    turn.append(S, FIELDS, id=(8, 0))
    turn.drop(S)
    turn.append(S, FIELDS, id=(1, 0))
    desk.commit(turn)

    assert [(event.id, event.offset) for event in desk.shelf.events(S)] == [((1, 0), 1)]


def test_a_stream_made_and_dropped_in_one_turn_never_was() -> None:
    desk = Desk()
    turn = desk.begin()

    turn.append(S, FIELDS)
    turn.publish(S, "key", FIELDS)
    turn.drop(S)
    desk.commit(turn)

    writes = turn.writes
    assert (writes.streams, writes.dropped_streams) == ([], [])
    assert (writes.appended, writes.published) == ([], [])


def test_a_dropped_stream_is_not_told_of_jobs() -> None:
    desk = Desk()
    life = StreamName("jobs:q")
    desk.group(stream=life)
    turn = desk.begin()

    turn.expect_life(life)
    turn.drop(life)
    desk.commit(turn)

    assert turn.writes.life == []


def test_a_dropped_stream_comes_back_if_that_is_undone() -> None:
    desk = Desk()
    other = StreamName("t")
    desk.append_many(2)
    desk.append_many(2, stream=other)
    desk.group()
    desk.given(events_max=1)
    waiting = desk.park(group_reader())
    turn = desk.begin()

    turn.append(S, FIELDS, id=(8, 0))
    turn.drop(S)
    turn.append(S, FIELDS, id=(1, 0))
    desk.undo(turn)

    assert desk.log.take_served() == []
    assert list(desk.log.streams) == [S, other]
    assert (desk.log.pending_count, desk.length()) == (1, 2)
    assert desk.log.unpark(waiting)
    assert desk.given() == [(2, 0)]


@pytest.mark.parametrize(
    "verb",
    [
        lambda turn: turn.range(S, (1, 0), (2, 0), None),
        lambda turn: turn.delete(S, [(1, 0)]),
        lambda turn: turn.handled(S, G, "key"),
    ],
)
def test_a_stream_that_is_being_asked_about_is_not_dropped(verb: Callable[[Turn], object]) -> None:
    desk = Desk(with_bounds(recent_events_max=1))
    desk.append_many(4)
    desk.group()
    turn = desk.begin()
    verb(turn)

    with pytest.raises(Unsettled):
        turn.drop(S)

    desk.commit(turn)
    assert desk.do(lambda turn: turn.drop(S))


def test_streams_are_known_by_their_names() -> None:
    desk = Desk()
    desk.append()
    turn = desk.begin()

    turn.append(StreamName("t"), FIELDS)

    assert turn.names() == ["s", "t"]
    assert (turn.exists(S), turn.exists(StreamName("u"))) == (True, False)
    desk.undo(turn)


def test_a_streams_last_id_may_be_set() -> None:
    desk = Desk()
    desk.append_many(2)
    desk.group()

    desk.do(lambda turn: turn.set_id(S, (9, 1), 7, (3, 0)))

    record = desk.shelf.record(S)
    assert (record.last_id, record.added_count, record.max_deleted_id) == ((9, 1), 7, (3, 0))
    desk.append((10, 0))
    assert desk.shelf.events(S)[-1].offset == 8
    desk.do(lambda turn: turn.set_id(S, (10, 0), max_deleted_id=(0, 0)))
    assert desk.shelf.record(S).max_deleted_id == (3, 0)


def test_ids_that_come_again_are_read_as_what_is_new() -> None:
    desk = Desk(with_bounds(recent_events_max=1))
    desk.append_many(6)
    desk.group()
    desk.given(events_max=2)  # The others were read ahead.
    told: list[int] = []
    desk.do(lambda turn: turn.allow_trim(S, G, True))
    desk.do(lambda turn: turn.trim(S, TrimWish(length_max=0), told.append))

    desk.do(lambda turn: turn.set_id(S, (3, 0)))
    desk.append((4, 0), (5, 0))

    assert desk.range() == [(4, 0), (5, 0)]
    assert desk.given() == [(4, 0), (5, 0)]


@pytest.mark.parametrize(
    ("last_id", "added_count", "max_deleted_id", "refusal"),
    [
        ((1, 9), None, None, IdBelowLast),
        ((5, 0), None, (6, 0), IdBelowDeleted),
        ((5, 0), 1, None, AddedBelowLength),
        ((5, 0), 2, None, OffsetsOnlyGrow),
    ],
)
def test_a_last_id_that_contradicts_what_there_is_is_refused(
    last_id: tuple[int, int],
    added_count: int | None,
    max_deleted_id: tuple[int, int] | None,
    refusal: type[Exception],
) -> None:
    desk = Desk()
    desk.append_many(3)
    desk.answer(lambda turn: turn.delete(S, [(3, 0)]))
    desk = desk.restart()  # Its last event has to be read.

    with pytest.raises(refusal):
        desk.do(lambda turn: turn.set_id(S, last_id, added_count, max_deleted_id))

    assert desk.shelf.record(S).last_id == (3, 0)


def test_a_last_id_is_set_of_streams_that_clients_write() -> None:
    desk = Desk()
    life = StreamName("jobs:q")
    desk.group(stream=life)

    with pytest.raises(NoStream):
        desk.do(lambda turn: turn.set_id(S, (1, 0)))
    with pytest.raises(ServersStream):
        desk.do(lambda turn: turn.set_id(life, (1, 0)))


# --- triggers and schedules ----------------------------------------------------------------------


def test_definitions_are_written_by_name() -> None:
    desk = Desk()

    def put(turn: Turn) -> None:
        put_trigger(turn.writes, TriggerRecord("a", b"1"))
        put_trigger(turn.writes, TriggerRecord("a", b"2"))
        put_trigger(turn.writes, TriggerRecord("b", b"3"))
        put_schedule(turn.writes, ScheduleRecord("c", b"4"))

    def drop(turn: Turn) -> None:
        drop_trigger(turn.writes, "a")
        drop_schedule(turn.writes, "c")

    desk.do(put)
    snapshot = desk.shelf.snapshot()
    assert snapshot.triggers == (TriggerRecord("a", b"2"), TriggerRecord("b", b"3"))
    assert snapshot.schedules == (ScheduleRecord("c", b"4"),)

    desk.do(drop)
    snapshot = desk.shelf.snapshot()
    assert (snapshot.triggers, snapshot.schedules) == ((TriggerRecord("b", b"3"),), ())


def test_a_trigger_reads_on_from_its_cursor_with_nothing_pending() -> None:
    desk = Desk(with_bounds(recent_events_max=1))
    desk.append_many(5)
    desk.group()

    for ms in range(1, 6):
        [event] = desk.do(lambda turn: turn.upcoming(S, G, 1))
        assert event.id == (ms, 0)
        desk.do(lambda turn, event=event: turn.advance(S, G, event.id, event.offset))  # type: ignore[misc]

    assert desk.do(lambda turn: turn.upcoming(S, G, 1)) == ()
    assert desk.log.pending_count == 0
    assert (desk.shelf.group(S, G).last_delivered_id, desk.shelf.group(S, G).read_count) == (
        (5, 0),
        5,
    )


def test_a_turn_says_which_streams_were_given_events() -> None:
    desk = Desk()
    desk.append()
    turn = desk.begin()
    turn.append(StreamName("t"), FIELDS)
    turn.create_group(S, G, LAST)

    assert list(turn.stirred_streams) == ["t"]

    desk.undo(turn)


def test_a_consumer_is_not_known_by_another_group() -> None:
    desk = Desk()
    desk.append_many(1)
    desk.group()
    desk.group(group=GroupName("h"))
    desk.given()

    assert desk.shelf.consumers(S, GroupName("h")) == []
    assert desk.given(group=GroupName("h"), consumer=ConsumerName("c")) == [(1, 0)]
    assert desk.now == NOW
