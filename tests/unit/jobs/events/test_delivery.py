"""Every event is given to each group once as new, and is pending until it is acknowledged."""

import pytest

from penstock.jobs.errors import Overloaded
from penstock.jobs.events.claims import ClaimWish
from penstock.jobs.events.errors import (
    GroupExists,
    NoGroupToRead,
    NoStreamForGroup,
    Unsettled,
)
from penstock.jobs.events.ids import LAST, NEW
from penstock.jobs.events.model import ID_MAX, ConsumerName, GroupName, PendingEvent
from penstock.jobs.events.reading import DeletedEvent
from tests.unit.jobs.events.desk import FIELDS, NOW, C, D, Desk, G, S, ids_of, with_bounds

SMALL = with_bounds(recent_events_max=2, ahead_events_max=4)


def pending(desk: Desk) -> list[PendingEvent]:
    return desk.shelf.pending(S, G)


@pytest.mark.parametrize("bounds", [SMALL, with_bounds()], ids=["store", "memory"])
def test_each_event_is_given_once(bounds: object) -> None:
    desk = Desk(bounds)  # type: ignore[arg-type]
    desk.append_many(20)
    desk.group()

    given = [desk.given(consumer=c, events_max=3) for c in (C, D, C, D, C, D, C, C)]

    flat = [event_id for ids in given for event_id in ids]
    assert flat == [(ms, 0) for ms in range(1, 21)]
    assert [len(ids) for ids in given] == [3, 3, 3, 3, 3, 3, 2, 0]


def test_what_is_given_is_pending_for_its_consumer() -> None:
    desk = Desk()
    desk.append_many(2)
    desk.group()

    desk.given(events_max=1)
    desk.given(consumer=D)

    assert pending(desk) == [
        PendingEvent((1, 0), C, NOW, 1),
        PendingEvent((2, 0), D, NOW, 1),
    ]
    group = desk.shelf.group(S, G)
    assert (group.last_delivered_id, group.read_count) == ((2, 0), 2)


def test_what_is_acknowledged_is_pending_no_more() -> None:
    desk = Desk()
    desk.append_many(3)
    desk.group()
    desk.given()

    assert desk.ack((1, 0), (3, 0), (4, 0)) == 2
    assert desk.ack((1, 0)) == 0
    assert desk.ack((1, 0), group=GroupName("other")) == 0
    assert [entry.id for entry in pending(desk)] == [(2, 0)]


def test_what_is_given_and_acknowledged_in_one_turn_is_never_written() -> None:
    desk = Desk()
    desk.append_many(1)
    desk.group()
    turn = desk.begin()

    turn.read_group(G, C, [(S, NEW)], None, no_ack=False)
    turn.ack(S, G, [(1, 0)])
    desk.commit(turn)

    assert (turn.writes.pending, turn.writes.acknowledged) == ([], [])
    assert desk.given() == []


def test_a_read_without_acknowledgement_leaves_nothing_pending() -> None:
    desk = Desk()
    desk.append_many(2)
    desk.group()

    assert desk.given(no_ack=True) == [(1, 0), (2, 0)]
    assert pending(desk) == []


def test_a_group_may_begin_at_the_end() -> None:
    desk = Desk()
    desk.append_many(2)
    desk.group(LAST)

    assert desk.given() == []
    desk.append((3, 0))
    assert desk.given() == [(3, 0)]


def test_what_was_given_already_is_given_again_and_counted() -> None:
    desk = Desk()
    desk.append_many(3)
    desk.group()
    desk.given(events_max=2)
    desk.given(consumer=D)

    assert desk.given(after=(0, 0)) == [(1, 0), (2, 0)]
    assert desk.given(after=(1, 0), events_max=5) == [(2, 0)]
    assert desk.given(after=(2, 0)) == []
    assert [entry.deliveries for entry in pending(desk)] == [2, 3, 1]


def test_what_was_given_and_deleted_is_named_without_its_fields() -> None:
    desk = Desk(SMALL)
    desk.append_many(6)
    desk.group()
    desk.given(events_max=3)
    desk.answer(lambda turn: turn.delete(S, [(2, 0)]))

    readings = desk.read_group((0, 0))

    assert readings is not None
    assert ids_of(readings[S]) == [(1, 0), (2, 0), (3, 0)]
    assert readings[S][1] == DeletedEvent((2, 0))
    assert [entry.deliveries for entry in pending(desk)] == [2, 1, 2]


def test_deleted_events_are_not_given() -> None:
    desk = Desk(SMALL)
    desk.append_many(9)
    desk.group()
    desk.given(events_max=1)

    desk.answer(lambda turn: turn.delete(S, [(ms, 0) for ms in (2, 3, 4, 5, 7, 9)]))

    assert desk.given() == [(6, 0), (8, 0)]


def test_the_next_events_are_read_ahead_before_they_are_asked_for() -> None:
    desk = Desk(with_bounds(recent_events_max=1, ahead_events_max=4))
    desk.append_many(20)
    desk.group()
    desk.given(events_max=3)  # One is left of the four that were read.
    turn = desk.begin()

    later = turn.read_group(G, C, [(S, NEW)], 3, no_ack=False)

    assert later is not None
    assert ids_of(later(desk.commit(turn))[S]) == [(4, 0), (5, 0), (6, 0)]


def test_a_group_that_is_not_there_cannot_be_read() -> None:
    desk = Desk()

    with pytest.raises(NoGroupToRead, match="No such key 's' or consumer group 'g' in XREADGROUP"):
        desk.given()

    desk.append()
    with pytest.raises(NoGroupToRead):
        desk.given()


def test_a_group_needs_its_stream() -> None:
    desk = Desk()

    with pytest.raises(NoStreamForGroup):
        desk.do(lambda turn: turn.create_group(S, G, LAST))

    assert desk.log.streams == {}


def test_a_group_is_made_once() -> None:
    desk = Desk()
    desk.group()

    with pytest.raises(GroupExists):
        desk.group()


def test_a_consumer_is_known_once_it_has_asked() -> None:
    desk = Desk()
    desk.group()

    desk.given()

    [consumer] = desk.shelf.consumers(S, G)
    assert (consumer.name, consumer.seen_at, consumer.active_at) == (C, NOW, None)


def test_there_is_a_maximum_of_pending_events() -> None:
    desk = Desk(with_bounds(group_pending_max=2))
    desk.append_many(3)
    desk.group()

    assert desk.given() == [(1, 0), (2, 0)]
    with pytest.raises(Overloaded):
        desk.given()
    desk.ack((1, 0))
    assert desk.given() == [(3, 0)]


def test_there_is_a_maximum_of_pending_events_in_all() -> None:
    desk = Desk(with_bounds(pending_max=3))
    desk.append_many(2)
    desk.group()
    desk.group(group=GroupName("h"))

    assert len(desk.given()) == 2
    assert len(desk.given(group=GroupName("h"))) == 1


def test_there_is_a_maximum_of_consumers() -> None:
    desk = Desk(with_bounds(consumers_max=1))
    desk.append_many(3)
    desk.group()
    desk.given(events_max=1)

    with pytest.raises(Overloaded):
        desk.given(consumer=ConsumerName("d"))

    assert desk.given(events_max=1) == [(2, 0)]


def test_an_undone_read_gives_nothing() -> None:
    desk = Desk()
    desk.append_many(3)
    desk.group()
    turn = desk.begin()

    turn.read_group(G, C, [(S, NEW)], None, no_ack=False)
    turn.append(S, FIELDS, id=(9, 0))
    desk.undo(turn)

    group = desk.log.group(S, G)
    assert group is not None
    assert (len(group.pending), group.consumers, desk.log.pending_count) == (0, {}, 0)
    assert desk.given() == [(1, 0), (2, 0), (3, 0)]


def test_pending_events_are_known_after_a_restart() -> None:
    desk = Desk()
    desk.append_many(3)
    desk.group()
    desk.given(events_max=2)

    desk = desk.restart()

    assert desk.log.pending_count == 2
    assert desk.given(after=(0, 0)) == [(1, 0), (2, 0)]
    assert desk.given() == [(3, 0)]


def test_nothing_was_given_after_the_last_id_of_all() -> None:
    desk = Desk()
    desk.append_many(1)
    desk.group()
    desk.given()

    assert desk.given(after=ID_MAX) == []


def test_what_is_given_again_stops_where_the_reply_would_be_too_large() -> None:
    desk = Desk(with_bounds(range_bytes_max=2 * sum(map(len, FIELDS))))
    desk.append_many(4)
    desk.group()
    desk.given()
    desk.given()

    assert desk.given(after=(0, 0)) == [(1, 0), (2, 0)]


def test_what_the_turn_appended_is_given_and_found_in_it() -> None:
    desk = Desk()
    desk.append_many(1)
    desk.group()
    turn = desk.begin()

    turn.append(S, FIELDS, id=(5, 0))
    turn.append(S, FIELDS, id=(7, 0))
    first = turn.read_group(G, C, [(S, NEW)], 2, no_ack=False)
    claimed = turn.claim(S, G, D, [(6, 0), (7, 0), (9, 0)], ClaimWish(force=True))
    second = turn.read_group(G, C, [(S, NEW)], 2, no_ack=False)
    answers = desk.commit(turn)

    assert first is not None
    assert second is not None
    assert ids_of(first(answers)[S]) == [(1, 0), (5, 0)]
    assert ids_of(claimed(answers)) == [(7, 0)]
    assert ids_of(second(answers)[S]) == [(7, 0)]


def test_a_group_that_is_behind_waits_if_too_much_is_read_with_one_commit() -> None:
    desk = Desk(with_bounds(recent_events_max=1, ahead_bytes_max=10, reads_bytes_max=10))
    desk.append_many(9)
    for name in "gh":
        desk.group(group=GroupName(name))
    turn = desk.begin()
    for name in "gghh":
        with pytest.raises(Unsettled):
            turn.read_group(GroupName(name), C, [(S, NEW)], 1, no_ack=False)
    desk.commit(turn)
    assert len(turn.writes.ranges) == 1

    assert desk.given(group=GroupName("h"), events_max=1) == [(1, 0)]
    assert desk.given(events_max=1) == [(1, 0)]


def test_events_are_read_ahead_only_if_that_does_not_keep_others_waiting() -> None:
    desk = Desk(with_bounds(recent_events_max=1, ahead_events_max=4, reads_bytes_max=1))
    desk.append_many(20)
    desk.group()
    desk.given(events_max=3)
    turn = desk.begin()

    turn.range(S, (1, 0), (1, 0), 1)
    later = turn.read_group(G, C, [(S, NEW)], 1, no_ack=False)
    answers = desk.commit(turn)

    assert later is not None
    assert ids_of(later(answers)[S]) == [(4, 0)]
    assert len(turn.writes.ranges) == 1


def test_what_all_groups_have_read_ahead_has_a_maximum() -> None:
    size = sum(map(len, FIELDS))
    desk = Desk(
        with_bounds(recent_events_max=1, ahead_events_max=4, ahead_total_bytes_max=5 * size)
    )
    desk.append_many(20)
    for name in "gh":
        desk.group(group=GroupName(name))
        desk.given(group=GroupName(name), events_max=1)

    stream = desk.log.streams[S]
    assert stream.groups[GroupName("g")].ahead.events == []
    assert len(stream.groups[GroupName("h")].ahead.events) == 4
    assert desk.given(events_max=2) == [(2, 0), (3, 0)]


def test_a_group_whose_next_events_were_all_deleted_reads_on_behind_them() -> None:
    desk = Desk(with_bounds(recent_events_max=1, ahead_events_max=2))
    desk.append_many(5)
    desk.group()
    desk.given(events_max=1)

    desk.answer(lambda turn: turn.delete(S, [(ms, 0) for ms in (2, 3, 4)]))

    assert desk.given() == [(5, 0)]
