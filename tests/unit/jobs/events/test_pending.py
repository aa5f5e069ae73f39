"""Pending events are in order, whole per consumer, and can be put back as they were."""

from random import Random

import pytest

from penstock.jobs.events.model import ConsumerName, EventId, PendingEvent
from penstock.jobs.events.pending import IdOrder, Pending, PendingTotal
from penstock.jobs.model import Instant
from tests.unit.jobs.events.desk import C, D


def entry(ms: int, consumer: ConsumerName = C, deliveries: int = 1) -> PendingEvent:
    return PendingEvent((ms, 0), consumer, Instant(5), deliveries)


def some(*entries: PendingEvent) -> Pending:
    pending = Pending(PendingTotal())
    for one in entries:
        pending.load(one)
    return pending


def since(pending: Pending, ms: int = 0, consumer: ConsumerName | None = None) -> list[int]:
    return [one.id[0] for one in pending.since((ms, 0), consumer)]


def test_events_are_in_the_order_of_their_ids() -> None:
    pending = some(entry(3), entry(1), entry(2, D))

    assert since(pending) == [1, 2, 3]
    assert since(pending, 2) == [2, 3]
    assert since(pending, consumer=C) == [1, 3]
    assert since(pending, consumer=ConsumerName("nobody")) == []
    assert (pending.first_id(), pending.last_id()) == ((1, 0), (3, 0))


def test_nothing_is_first_of_nothing() -> None:
    pending = some()

    assert (pending.first_id(), pending.last_id()) == (None, None)


def test_an_event_that_is_given_to_another_is_only_theirs() -> None:
    pending = some(entry(1), entry(2))

    pending.put(entry(1, D, 2))

    assert since(pending, consumer=C) == [2]
    assert since(pending, consumer=D) == [1]
    assert pending.get((1, 0)) == entry(1, D, 2)
    assert (pending.count_of(C), pending.count_of(D), len(pending)) == (1, 1, 2)


def test_changes_say_what_was_and_what_is() -> None:
    pending = some(entry(1), entry(2))

    pending.remove((1, 0))
    pending.put(entry(2, D))
    pending.put(entry(3))
    pending.put(entry(3, D))

    assert list(pending.changes()) == [
        ((1, 0), entry(1), None),
        ((2, 0), entry(2), entry(2, D)),
        ((3, 0), None, entry(3, D)),
    ]


def test_what_is_not_there_is_not_removed() -> None:
    pending = some()

    assert pending.remove((1, 0)) is None
    assert list(pending.changes()) == []


def test_undo_puts_everything_back() -> None:
    total = PendingTotal()
    pending = Pending(total)
    pending.load(entry(1))
    pending.load(entry(2, D))

    pending.remove((1, 0))
    pending.put(entry(3))
    pending.put(entry(2, C))
    pending.put(entry(1, D))
    pending.undo()

    assert list(pending.since((0, 0))) == [entry(1), entry(2, D)]
    assert since(pending, consumer=D) == [2]
    assert total.count == 2
    assert list(pending.changes()) == []


def test_a_dropped_group_is_not_counted() -> None:
    total = PendingTotal()
    pending = Pending(total)
    pending.put(entry(1))

    pending.leave()
    pending.remove((1, 0))

    assert total.count == 0

    pending.undo()
    pending.come_back()

    assert total.count == 0


def test_what_has_left_does_not_leave_twice() -> None:
    total = PendingTotal()
    pending = Pending(total)
    pending.put(entry(1))

    pending.come_back()
    assert total.count == 1
    pending.leave()
    pending.leave()
    assert total.count == 0


def test_an_order_is_the_sorted_set_whatever_comes_or_goes(seed: int) -> None:
    random = Random(seed)
    order, model = IdOrder(), set[EventId]()
    for _ in range(3_000):
        event_id = (random.randrange(60), random.randrange(3))
        if random.random() < 0.5:
            order.add(event_id)
            model.add(event_id)
        else:
            order.discard(event_id)
            model.discard(event_id)
        first = (random.randrange(70), 0)
        assert list(order.since(first)) == [i for i in sorted(model) if i >= first]
        assert order.first() == min(model, default=None)
        assert order.last() == max(model, default=None)
        assert len(order) == len(model)


@pytest.mark.parametrize("keep", [1, 10])
def test_what_has_gone_is_cut_out_now_and_then(keep: int) -> None:
    order = IdOrder()
    for ms in range(10_000):
        order.add((ms, 0))
    for ms in range(10_000 - keep):
        order.discard((ms, 0))

    assert len(order._ids) < 100
    assert order.first() == (10_000 - keep, 0)
