"""What every store must do with consumer groups: cursors, consumers, pending events."""

from msgspec.structs import replace

from penstock.jobs.events.model import ID_PART_MAX, ConsumerName
from penstock.jobs.model import Instant
from penstock.jobs.store.event_port import EventWrites
from penstock.jobs.store.port import Store
from tests.store.asking import Shelf
from tests.store.event_records import (
    FIRST,
    ONE,
    SECOND,
    TWO,
    a_consumer,
    a_group,
    a_pending,
    a_stream,
    loaded,
    write,
)
from tests.store.records import NOW


def with_groups(*groups: int) -> EventWrites:
    """Make a stream with groups."""
    return EventWrites(streams=[a_stream()], groups=[a_group(number) for number in groups])


# --- groups --------------------------------------------------------------------------------------


async def test_groups_are_loaded_as_they_were_written(shelf: Shelf, store: Store) -> None:
    groups = [
        a_group(FIRST),
        replace(
            a_group(SECOND),
            last_delivered_id=(ID_PART_MAX, 3),
            read_count=0,
            is_lossy=True,
        ),
    ]

    await write(store, EventWrites(streams=[a_stream()], groups=groups))

    snapshot = await loaded(shelf)
    assert list(snapshot.groups) == groups
    assert snapshot.next_group == 3


async def test_a_cursor_moves(shelf: Shelf, store: Store) -> None:
    await write(store, with_groups(FIRST, SECOND))

    moved = replace(a_group(SECOND), last_delivered_id=(5, 1), read_count=4)
    await write(store, EventWrites(groups=[moved]))
    back = replace(a_group(FIRST), last_delivered_id=(2, 0), read_count=None)
    await write(store, EventWrites(groups=[back]))

    assert list((await loaded(shelf)).groups) == [back, moved]


async def test_a_dropped_group_is_gone_with_all_it_had(shelf: Shelf, store: Store) -> None:
    writes = with_groups(FIRST, SECOND)
    writes.consumers = [a_consumer(), a_consumer(group=SECOND)]
    writes.pending = [(FIRST, a_pending(1)), (SECOND, a_pending(1))]
    await write(store, writes)

    await write(store, EventWrites(dropped_groups=[SECOND]))

    snapshot = await loaded(shelf)
    assert list(snapshot.groups) == [a_group(FIRST)]
    assert list(snapshot.consumers) == [a_consumer()]
    assert dict(snapshot.pending) == {FIRST: [a_pending(1)]}
    assert snapshot.next_group == 3
    assert snapshot.has_sweepings


async def test_a_group_may_be_made_again_in_the_batch_that_drops_it(
    shelf: Shelf, store: Store
) -> None:
    writes = with_groups(FIRST)
    writes.pending = [(FIRST, a_pending(1))]
    await write(store, writes)

    again = a_group(SECOND, name=a_group(FIRST).name)
    await write(store, EventWrites(groups=[again], dropped_groups=[FIRST]))

    snapshot = await loaded(shelf)
    assert list(snapshot.groups) == [again]
    assert dict(snapshot.pending) == {}


async def test_a_dropped_stream_takes_its_groups_along(shelf: Shelf, store: Store) -> None:
    groups = [a_group(FIRST, ONE), a_group(SECOND, TWO)]
    writes = EventWrites(streams=[a_stream(ONE), a_stream(TWO)], groups=groups)
    writes.consumers = [a_consumer(group=FIRST)]
    writes.pending = [(FIRST, a_pending(1)), (FIRST, a_pending(2))]
    await write(store, writes)

    answers = await write(store, EventWrites(dropped_streams=[ONE], sweep_max=100))

    # The stream, the group, its consumer and what was pending.
    assert answers.swept_count == 5
    snapshot = await loaded(shelf)
    assert list(snapshot.groups) == [a_group(SECOND, TWO)]
    assert list(snapshot.consumers) == []
    assert not snapshot.has_sweepings
    assert snapshot.next_group == 3


async def test_a_dropped_group_is_swept_slice_by_slice(shelf: Shelf, store: Store) -> None:
    writes = with_groups(FIRST)
    writes.consumers = [a_consumer("a"), a_consumer("b")]
    writes.pending = [(FIRST, a_pending(number)) for number in range(1, 5)]
    await write(store, writes)
    await write(store, EventWrites(dropped_groups=[FIRST]))

    again = await shelf.open()
    await again.load()
    swept = [(await write(again, EventWrites(sweep_max=3))).swept_count for _ in range(4)]

    assert swept == [3, 3, 1, 0]
    assert not (await loaded(shelf)).has_sweepings


# --- consumers -----------------------------------------------------------------------------------


async def test_consumers_are_loaded_in_order(shelf: Shelf, store: Store) -> None:
    writes = with_groups(FIRST, SECOND)
    active = replace(a_consumer("z"), active_at=Instant(NOW + 1))
    writes.consumers = [active, a_consumer("b", SECOND), a_consumer("a")]
    await write(store, writes)

    seen = replace(a_consumer("a"), seen_at=Instant(NOW + 5))
    await write(store, EventWrites(consumers=[seen]))

    assert list((await loaded(shelf)).consumers) == [seen, active, a_consumer("b", SECOND)]


async def test_a_dropped_consumer_takes_along_what_was_pending_for_it(
    shelf: Shelf, store: Store
) -> None:
    writes = with_groups(FIRST, SECOND)
    writes.consumers = [a_consumer("a"), a_consumer("b"), a_consumer("a", SECOND)]
    writes.pending = [(FIRST, a_pending(1, "a")), (FIRST, a_pending(2, "b"))]
    writes.pending.append((SECOND, a_pending(3, "a")))
    await write(store, writes)

    await write(store, EventWrites(dropped_consumers=[(FIRST, ConsumerName("a"))]))

    snapshot = await loaded(shelf)
    assert list(snapshot.consumers) == [a_consumer("b"), a_consumer("a", SECOND)]
    assert dict(snapshot.pending) == {FIRST: [a_pending(2, "b")], SECOND: [a_pending(3, "a")]}


async def test_what_was_claimed_from_a_dropped_consumer_stays(shelf: Shelf, store: Store) -> None:
    writes = with_groups(FIRST)
    writes.consumers = [a_consumer("a"), a_consumer("b")]
    writes.pending = [(FIRST, a_pending(1, "a")), (FIRST, a_pending(2, "a"))]
    await write(store, writes)

    claimed = (FIRST, a_pending(2, "b", deliveries=2))
    dropped = [(FIRST, ConsumerName("a"))]
    await write(store, EventWrites(dropped_consumers=dropped, pending=[claimed]))

    assert dict((await loaded(shelf)).pending) == {FIRST: [claimed[1]]}


# --- pending events ------------------------------------------------------------------------------


async def test_pending_events_are_loaded_by_id(shelf: Shelf, store: Store) -> None:
    writes = with_groups(FIRST, SECOND)
    later = replace(a_pending(1), id=(1, ID_PART_MAX))
    writes.pending = [
        (SECOND, a_pending(9)),
        (FIRST, a_pending(5, deliveries=0)),
        (FIRST, later),
        (FIRST, a_pending(1)),
    ]

    await write(store, writes)

    assert dict((await loaded(shelf)).pending) == {
        FIRST: [a_pending(1), later, a_pending(5, deliveries=0)],
        SECOND: [a_pending(9)],
    }


async def test_what_is_pending_is_so_until_it_is_acknowledged(shelf: Shelf, store: Store) -> None:
    writes = with_groups(FIRST, SECOND)
    writes.pending = [(FIRST, a_pending(number)) for number in range(1, 700)]
    writes.pending.append((SECOND, a_pending(2)))
    await write(store, writes)

    done = [(FIRST, (number, 0)) for number in [*range(2, 700), 1000]]
    await write(store, EventWrites(acknowledged=done))

    assert dict((await loaded(shelf)).pending) == {FIRST: [a_pending(1)], SECOND: [a_pending(2)]}


async def test_a_record_replaces_what_was_pending(shelf: Shelf, store: Store) -> None:
    writes = with_groups(FIRST)
    writes.pending = [(FIRST, a_pending(1)), (FIRST, a_pending(2))]
    await write(store, writes)

    again = replace(a_pending(1, "other", 7), delivered_at=Instant(NOW + 7))
    done = [(FIRST, (1, 0)), (FIRST, (2, 0))]
    await write(store, EventWrites(acknowledged=done, pending=[(FIRST, again)]))

    assert dict((await loaded(shelf)).pending) == {FIRST: [again]}
