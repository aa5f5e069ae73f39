"""What happens to events is counted, once it is durable."""

from msgspec.structs import asdict

from penstock.jobs.events.ids import NEW
from penstock.jobs.events.information import estimated_lag
from penstock.jobs.events.trimming import TrimWish
from tests.unit.jobs.events.desk import C, Desk, G, S, group_reader, reader, with_bounds


def counted(desk: Desk) -> dict[str, int]:
    """Return what was counted at all."""
    return {name: count for name, count in asdict(desk.log.counters).items() if count}


def test_events_are_counted_as_they_are_appended() -> None:
    desk = Desk()

    desk.append_many(3)
    desk.append(stream=S)

    assert counted(desk) == {"appended": 4}


def test_what_was_not_written_is_not_counted() -> None:
    desk = Desk()
    desk.append_many(3)
    desk.group()
    before = counted(desk)

    turn = desk.begin()
    turn.append(S, (b"name", b"value"))
    turn.read_group(G, C, [(S, NEW)], None, no_ack=False)
    turn.ack(S, G, [(1, 0)])
    desk.undo(turn)

    assert counted(desk) == before


def test_new_events_of_a_group_are_delivered_and_acknowledged() -> None:
    desk = Desk()
    desk.append_many(3)
    desk.group()

    desk.given(events_max=2)
    desk.given(after=(0, 0))  # Once more: not counted.
    desk.given(no_ack=True)
    desk.ack((1, 0), (9, 0))

    assert counted(desk) == {"appended": 3, "delivered": 3, "acknowledged": 1}


def test_a_read_is_delivered_wherever_its_events_come_from() -> None:
    desk = Desk(with_bounds(recent_events_max=1))
    desk.append_many(3)

    desk.read((2, 0))
    desk.read((0, 0))

    assert counted(desk)["delivered"] == 1 + 3


def test_who_waited_is_delivered_to_each() -> None:
    desk = Desk()
    desk.group()
    desk.park(reader())
    desk.park(reader(events_max=1))
    desk.park(group_reader())

    desk.append_many(2)

    assert counted(desk) == {"appended": 2, "delivered": 2 + 1 + 2}


def test_trimmed_events_are_counted_as_the_store_removes_them() -> None:
    desk = Desk(with_bounds(trim_events_max=2))
    desk.append_many(5)

    desk.append(trim=TrimWish(length_max=1))
    desk.idle()

    assert counted(desk) == {"appended": 6, "trimmed": 5}


def test_the_lag_of_a_group_is_estimated_while_events_are_removed() -> None:
    desk = Desk()
    desk.append_many(3)
    desk.group((1, 0))
    group = desk.log.group(S, G)
    assert group is not None

    turn = desk.begin()
    turn.append(S, (b"name", b"value"), trim=TrimWish(length_max=1))
    lag = estimated_lag(group)
    desk.commit(turn)

    assert (lag, estimated_lag(group)) == (3, 3)
