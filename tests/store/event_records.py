"""Streams, events and groups for the tests of the stores, and how a store is asked about them."""

from collections.abc import Sequence

from msgspec.structs import replace

from penstock.jobs.events.model import (
    ID_MAX,
    ID_MIN,
    ConsumerName,
    ConsumerRecord,
    Event,
    EventId,
    GroupName,
    GroupNumber,
    GroupRecord,
    PendingEvent,
    StreamName,
    StreamNumber,
    StreamRecord,
)
from penstock.jobs.model import Instant
from penstock.jobs.store.event_port import (
    EventAnswers,
    EventSnapshot,
    EventTrim,
    EventWrites,
    RangeQuestion,
)
from penstock.jobs.store.port import Batch, Commit, Store
from tests.store.asking import Shelf
from tests.store.records import NOW

ONE = StreamNumber(1)
TWO = StreamNumber(2)
FIRST = GroupNumber(1)
SECOND = GroupNumber(2)


def a_stream(number: int = ONE, name: str | None = None, last: int = 0) -> StreamRecord:
    """Return a stream that was given so many events, `an_event(1)` to `an_event(last)`."""
    return StreamRecord(
        StreamNumber(number),
        StreamName(name or f"stream-{number}"),
        last_id=(last, 0),
        added_count=last,
    )


def an_event(number: int, *fields: bytes) -> Event:
    return Event((number, 0), number, fields or (b"number", str(number).encode()))


def events(first: int, last: int) -> list[Event]:
    return [an_event(number) for number in range(first, last + 1)]


def a_group(number: int = FIRST, stream: int = ONE, name: str | None = None) -> GroupRecord:
    return GroupRecord(
        GroupNumber(number), StreamNumber(stream), GroupName(name or f"group-{number}"), ID_MIN
    )


def a_consumer(name: str = "c", group: int = FIRST) -> ConsumerRecord:
    return ConsumerRecord(GroupNumber(group), ConsumerName(name), NOW)


def a_pending(number: int, consumer: str = "c", deliveries: int = 1) -> PendingEvent:
    return PendingEvent((number, 0), ConsumerName(consumer), NOW, deliveries)


def a_trim(
    stream: int = ONE,
    *,
    count: int = 0,
    before: EventId = ID_MIN,
    floor: EventId = ID_MAX,
    events_max: int = 100,
) -> EventTrim:
    return EventTrim(StreamNumber(stream), count, before, floor, events_max)


def all_of(
    stream: int = ONE, *, events_max: int = 1000, bytes_max: int = 2**20, backwards: bool = False
) -> RangeQuestion:
    return RangeQuestion(StreamNumber(stream), ID_MIN, ID_MAX, events_max, bytes_max, backwards)


async def write(store: Store, writes: EventWrites, now: int = NOW) -> EventAnswers:
    return (await commit_of(store, writes, now)).events


async def commit_of(store: Store, writes: EventWrites, now: int = NOW) -> Commit:
    return await store.commit(Batch(now=Instant(now), events=writes))


async def append(store: Store, record: StreamRecord, *appended: Event) -> StreamRecord:
    """Append events to a stream, which is made if it is not there; return its record."""
    record = replace(record, last_id=appended[-1].id, added_count=appended[-1].offset)
    writes = EventWrites(streams=[record], appended=[(record.number, e) for e in appended])
    await write(store, writes)
    return record


async def filled(store: Store, last: int, stream: int = ONE) -> StreamRecord:
    """Make a stream of so many events."""
    return await append(store, a_stream(stream), *events(1, last))


async def found_in(store: Store, question: RangeQuestion | None = None) -> Sequence[Event]:
    answers = await write(store, EventWrites(ranges=[question or all_of()]))
    return list(answers.ranges[0])


async def ids_in(store: Store, question: RangeQuestion | None = None) -> list[int]:
    """Return the milliseconds of the ids."""
    return [event.id[0] for event in await found_in(store, question)]


async def loaded(shelf: Shelf, now: int = NOW) -> EventSnapshot:
    return (await (await shelf.open()).load(Instant(now), 1000)).events
