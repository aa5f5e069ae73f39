"""What every store must do with keys that were handled or published, and with definitions."""

import pytest

from penstock.jobs.model import Instant
from penstock.jobs.store.event_port import (
    EventWrites,
    HandledKey,
    PublishedKey,
    ScheduleRecord,
    TriggerRecord,
)
from penstock.jobs.store.port import Store
from tests.store.asking import Shelf
from tests.store.event_records import (
    FIRST,
    ONE,
    SECOND,
    TWO,
    a_group,
    a_stream,
    loaded,
    write,
)
from tests.store.records import NOW


def handled(key: str, remove_at: int, group: int = FIRST) -> HandledKey:
    return HandledKey(a_group(group).number, key, Instant(remove_at))


def published(key: str, remove_at: int, number: int = 1, stream: int = ONE) -> PublishedKey:
    return PublishedKey(a_stream(stream).number, key, (number, 0), Instant(remove_at))


@pytest.fixture
async def grouped(store: Store) -> Store:
    """A store with two streams, each with a group."""
    streams = [a_stream(ONE), a_stream(TWO)]
    await write(store, EventWrites(streams=streams, groups=[a_group(FIRST), a_group(SECOND, TWO)]))
    return store


# --- handled -------------------------------------------------------------------------------------


async def test_a_key_was_handled_for_its_time(grouped: Store) -> None:
    keys = [handled("a", NOW + 5), handled("b", NOW + 6)]
    asked = [(FIRST, "a"), (FIRST, "b"), (FIRST, "c"), (SECOND, "b")]
    first = await write(grouped, EventWrites(handled=keys, were_handled=asked))

    later = await write(grouped, EventWrites(were_handled=asked), now=NOW + 5)

    assert list(first.were_handled) == [True, True, False, False]
    assert list(later.were_handled) == [False, True, False, False]


async def test_a_key_that_is_handled_again_is_kept_from_then_on(grouped: Store) -> None:
    await write(grouped, EventWrites(handled=[handled("a", NOW + 5)]))

    await write(grouped, EventWrites(handled=[handled("a", NOW + 9)]))

    answers = await write(grouped, EventWrites(were_handled=[(FIRST, "a")]), now=NOW + 8)
    assert list(answers.were_handled) == [True]


async def test_handled_keys_are_known_after_opening_again(shelf: Shelf, grouped: Store) -> None:
    await write(grouped, EventWrites(handled=[handled("ä\0" * 100, NOW + 5)]))

    again = await shelf.open()
    await again.load()

    answers = await write(again, EventWrites(were_handled=[(FIRST, "ä\0" * 100)]))
    assert list(answers.were_handled) == [True]


# --- published -----------------------------------------------------------------------------------


async def test_a_published_key_says_as_what(grouped: Store) -> None:
    keys = [published("a", NOW + 5, 1), published("b", NOW + 6, 2)]
    asked = [(ONE, "a"), (ONE, "b"), (ONE, "c"), (TWO, "b")]
    first = await write(grouped, EventWrites(published=keys, were_published=asked))

    later = await write(grouped, EventWrites(were_published=asked), now=NOW + 5)

    assert list(first.were_published) == [(1, 0), (2, 0), None, None]
    assert list(later.were_published) == [None, (2, 0), None, None]


async def test_a_key_whose_time_is_over_may_be_published_again(grouped: Store) -> None:
    await write(grouped, EventWrites(published=[published("a", NOW + 5, 1)]))

    keys = [published("a", NOW + 100, 2)]
    answers = await write(
        grouped, EventWrites(published=keys, were_published=[(ONE, "a")]), now=NOW + 5
    )

    assert list(answers.were_published) == [(2, 0)]


# --- sweeping ------------------------------------------------------------------------------------


async def test_keys_whose_time_is_over_are_swept(shelf: Shelf, grouped: Store) -> None:
    keys = [handled("a", NOW + 5), handled("b", NOW + 4), handled("c", NOW + 6)]
    writes = EventWrites(handled=keys, published=[published("d", NOW + 5), published("e", NOW + 6)])
    await write(grouped, writes)

    counts = [
        (await write(grouped, EventWrites(sweep_max=2), now=NOW + at)).swept_count
        for at in (3, 4, 5, 5, 6)
    ]

    assert counts == [0, 1, 2, 0, 2]
    assert not (await loaded(shelf)).has_sweepings


async def test_keys_go_with_their_group_or_stream(shelf: Shelf, grouped: Store) -> None:
    keys = [handled("a", NOW + 5), handled("b", NOW + 5), handled("a", NOW + 5, SECOND)]
    writes = EventWrites(handled=keys, published=[published("c", NOW + 5)])
    await write(grouped, writes)
    await write(grouped, EventWrites(dropped_streams=[ONE]))

    # Three keys, the group and the stream.
    swept = [(await write(grouped, EventWrites(sweep_max=3))).swept_count for _ in range(3)]

    assert swept == [3, 2, 0]
    answers = await write(grouped, EventWrites(were_handled=[(SECOND, "a")]))
    assert list(answers.were_handled) == [True]
    assert not (await loaded(shelf)).has_sweepings


# --- definitions ---------------------------------------------------------------------------------


async def test_definitions_are_loaded_by_name(shelf: Shelf, store: Store) -> None:
    writes = EventWrites(
        triggers=[TriggerRecord("b", b"1"), TriggerRecord("a", b"\0\xff")],
        schedules=[ScheduleRecord("z", b""), ScheduleRecord("a", b"x" * 20_000)],
    )
    await write(store, writes)

    snapshot = await loaded(shelf)

    assert list(snapshot.triggers) == [TriggerRecord("a", b"\0\xff"), TriggerRecord("b", b"1")]
    assert list(snapshot.schedules) == [
        ScheduleRecord("a", b"x" * 20_000),
        ScheduleRecord("z", b""),
    ]


async def test_definitions_are_replaced_and_dropped(shelf: Shelf, store: Store) -> None:
    names = ("a", "b", "c")
    await write(
        store,
        EventWrites(
            triggers=[TriggerRecord(name, b"1") for name in names],
            schedules=[ScheduleRecord(name, b"1") for name in names],
        ),
    )

    await write(
        store,
        EventWrites(
            triggers=[TriggerRecord("a", b"2"), TriggerRecord("b", b"2")],
            dropped_triggers=["b", "c", "d"],
            schedules=[ScheduleRecord("a", b"2"), ScheduleRecord("b", b"2")],
            dropped_schedules=["b", "c", "d"],
        ),
    )

    snapshot = await loaded(shelf)
    assert list(snapshot.triggers) == [TriggerRecord("a", b"2"), TriggerRecord("b", b"2")]
    assert list(snapshot.schedules) == [ScheduleRecord("a", b"2"), ScheduleRecord("b", b"2")]
