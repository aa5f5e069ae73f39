"""What people are told about streams, groups and consumers."""

import pytest

from penstock.jobs.events.errors import NoGroup, NoStream, Unsettled
from penstock.jobs.events.ids import LAST
from penstock.jobs.events.information import ConsumerInfo, GroupInfo
from penstock.jobs.events.model import ConsumerName, EventId, GroupName
from penstock.jobs.events.trimming import TrimWish
from penstock.jobs.model import Instant
from tests.unit.jobs.events.desk import NOW, C, D, Desk, G, S, ids_of, with_bounds

COLD = with_bounds(recent_events_max=1)


def lag(desk: Desk) -> int | None:
    [info] = desk.do(lambda turn: turn.groups(S))
    return info.lag


def delete(desk: Desk, *ids: EventId) -> None:
    desk.answer(lambda turn: turn.delete(S, ids))


@pytest.mark.parametrize("bounds", [COLD, with_bounds()], ids=["store", "memory"])
def test_a_stream_has_a_first_and_a_last_event(bounds: object) -> None:
    desk = Desk(bounds)  # type: ignore[arg-type]
    desk.append_many(4)
    delete(desk, (1, 0), (3, 0))

    info = desk.answer(lambda turn: turn.describe(S))

    assert info.first_event is not None
    assert info.last_event is not None
    assert (info.first_event.id, info.last_event.id) == ((2, 0), (4, 0))
    assert (info.length, info.added_count, info.first_id) == (2, 4, (2, 0))
    assert (info.last_id, info.max_deleted_id, info.groups_count) == ((4, 0), (3, 0), 0)


def test_an_empty_stream_has_no_events() -> None:
    desk = Desk()
    desk.group()

    info = desk.answer(lambda turn: turn.describe(S))

    assert (info.length, info.first_event, info.last_event, info.first_id) == (0, None, None, None)


def test_a_stream_that_is_not_there_cannot_be_described() -> None:
    desk = Desk()

    with pytest.raises(NoStream):
        desk.answer(lambda turn: turn.describe(S))
    with pytest.raises(NoStream):
        desk.do(lambda turn: turn.groups(S))
    with pytest.raises(NoStream):
        desk.do(lambda turn: turn.consumers(S, G))
    desk.append()
    with pytest.raises(NoGroup):
        desk.do(lambda turn: turn.consumers(S, G))


def test_groups_are_told_by_name() -> None:
    desk = Desk()
    desk.append_many(3)
    desk.group(group=GroupName("z"))
    desk.group(LAST)
    desk.given(group=GroupName("z"), events_max=2)

    assert desk.do(lambda turn: turn.groups(S)) == [
        GroupInfo(G, (3, 0), None, 0, False, 0, 0),
        GroupInfo(GroupName("z"), (2, 0), 2, 1, False, 2, 1),
    ]


def test_consumers_are_told_by_name() -> None:
    desk = Desk()
    desk.append_many(1)
    desk.group()
    desk.given(consumer=D)
    desk.now = Instant(NOW + 5)
    desk.given(consumer=D)
    desk.given(consumer=C)

    assert desk.do(lambda turn: turn.consumers(S, G)) == [
        ConsumerInfo(C, Instant(NOW + 5), None, 0),
        ConsumerInfo(D, Instant(NOW + 5), NOW, 1),
    ]


def test_everything_is_told_at_once() -> None:
    desk = Desk(COLD)
    desk.append_many(4)
    desk.group()
    desk.given(events_max=3)
    desk.do(lambda turn: turn.create_consumer(S, G, ConsumerName("d")))

    details = desk.answer(lambda turn: turn.describe_full(S, 2))

    assert ids_of(details.events) == [(1, 0), (2, 0)]
    assert details.info.length == 4
    [group] = details.groups
    assert [entry.id for entry in group.pending] == [(1, 0), (2, 0)]
    assert group.pending_count == 3
    assert [(one.name, one.pending_count, len(one.pending)) for one in group.consumers] == [
        (C, 3, 2),
        (D, 0, 0),
    ]


def test_nothing_is_told_of_a_stream_that_loses_events() -> None:
    desk = Desk()
    desk.append_many(3)
    desk.group()
    turn = desk.begin()
    turn.delete(S, [(2, 0)])

    with pytest.raises(Unsettled):
        turn.describe(S)
    with pytest.raises(Unsettled):
        turn.groups(S)

    desk.commit(turn)


# --- how far behind (the answers are those of a Redis) -------------------------------------------


def test_the_lag_of_a_group_that_reads_is_known() -> None:
    desk = Desk()
    desk.append_many(4)
    desk.group()
    assert lag(desk) == 4

    desk.given(events_max=3)
    assert lag(desk) == 1
    desk.append((5, 0))
    assert lag(desk) == 2


def test_the_lag_at_the_end_is_nothing() -> None:
    desk = Desk()
    desk.group()
    assert lag(desk) == 0

    desk.append_many(4)
    desk.do(lambda turn: turn.set_group_id(S, G, LAST))
    assert lag(desk) == 0


def test_the_lag_beyond_the_end_is_not_known() -> None:
    desk = Desk()
    desk.append_many(4)
    desk.group((9, 0))

    assert lag(desk) is None


def test_the_lag_at_an_id_in_the_middle_is_not_known() -> None:
    desk = Desk()
    desk.append_many(4)
    desk.group((2, 0))

    assert lag(desk) is None
    desk.do(lambda turn: turn.set_group_id(S, G, (2, 0), read_count=2))
    assert lag(desk) == 2


def test_the_lag_at_the_first_event_is_known() -> None:
    desk = Desk()
    desk.append_many(4)
    desk.group((1, 0))

    assert lag(desk) == 3


def test_the_lag_is_not_known_while_events_before_the_group_are_deleted() -> None:
    desk = Desk()
    desk.append_many(4)
    desk.group()
    desk.given(events_max=1)
    delete(desk, (3, 0))

    assert lag(desk) is None
    desk.given(events_max=9)
    assert lag(desk) == 0


def test_the_lag_before_the_first_event_is_all_there_is() -> None:
    desk = Desk()
    desk.append_many(6)
    desk.group((1, 0))
    delete(desk, (2, 0), (3, 0))
    desk.do(lambda turn: turn.allow_trim(S, G, True))
    desk.do(lambda turn: turn.trim(S, TrimWish(length_max=3), lambda count: None))

    assert lag(desk) == 3


def test_the_lag_of_an_empty_stream_is_nothing() -> None:
    desk = Desk()
    desk.append_many(2)
    desk.group()
    delete(desk, (1, 0), (2, 0))

    assert lag(desk) == 0
