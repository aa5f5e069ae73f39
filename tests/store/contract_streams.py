"""What every store must do with streams: append, read, delete, trim, drop."""

import pytest
from msgspec.structs import replace

from penstock.jobs.events.model import ID_MAX, ID_PART_MAX, Event, StreamName, StreamNumber
from penstock.jobs.store.event_port import (
    EventDeletion,
    EventSnapshot,
    EventTrim,
    EventWrites,
    KeptStream,
    PickQuestion,
    RangeQuestion,
    Trimmed,
)
from penstock.jobs.store.port import Store
from tests.store.asking import Shelf
from tests.store.event_records import (
    ONE,
    TWO,
    a_stream,
    a_trim,
    all_of,
    an_event,
    append,
    events,
    filled,
    found_in,
    ids_in,
    loaded,
    write,
)

# --- appending -----------------------------------------------------------------------------------


async def test_a_store_begins_without_streams(shelf: Shelf) -> None:
    snapshot = await loaded(shelf)

    assert (snapshot.next_stream, snapshot.next_group) == (1, 1)
    assert list(snapshot.streams) == []
    assert not snapshot.has_sweepings


async def test_events_are_found_as_they_were_appended(store: Store) -> None:
    appended = [
        Event((0, 1), 1, (b"a", b"")),
        Event((5, 0), 2, (b"\0\xff", b"x" * 100_000, b"", b"a")),
        Event((5, 7), 9, (b"a", b"1", b"a", b"2")),
        Event((ID_PART_MAX, 0), 10, (b"k", bytes(16 * 1024))),
    ]

    await append(store, a_stream(), *appended)

    assert await found_in(store) == appended


async def test_events_are_there_after_opening_again(shelf: Shelf, store: Store) -> None:
    await append(store, a_stream(), *events(1, 3))

    again = await shelf.open()
    await again.load()

    assert await found_in(again) == events(1, 3)


@pytest.mark.parametrize("count", [1, 17, 600])
async def test_any_number_of_events_is_appended_at_once(store: Store, count: int) -> None:
    await append(store, a_stream(), *events(1, count))

    assert await found_in(store) == events(1, count)


async def test_streams_have_nothing_in_common(store: Store) -> None:
    writes = EventWrites(
        streams=[a_stream(ONE, last=2), a_stream(TWO, last=1)],
        appended=[(ONE, an_event(1)), (TWO, an_event(1, b"k", b"v")), (ONE, an_event(2))],
    )
    await write(store, writes)

    assert await found_in(store, all_of(ONE)) == events(1, 2)
    assert await found_in(store, all_of(TWO)) == [an_event(1, b"k", b"v")]


async def test_questions_see_what_the_same_batch_appends(store: Store) -> None:
    answers = await write(
        store,
        EventWrites(
            streams=[a_stream(last=1)],
            appended=[(ONE, an_event(1))],
            ranges=[all_of()],
            picks=[PickQuestion(ONE, ((1, 0),))],
        ),
    )

    assert list(answers.ranges[0]) == [an_event(1)]
    assert answers.picks[0] == {(1, 0): an_event(1)}


async def test_a_stream_is_loaded_with_its_length_and_first_id(shelf: Shelf, store: Store) -> None:
    record = replace(await filled(store, 3), length_max=100, age_ms_max=0, max_deleted_id=(1, 0))
    empty = replace(a_stream(TWO, "empty"), last_id=(ID_PART_MAX, 7), added_count=12)
    deletion = EventDeletion(ONE, ((1, 0),))
    await write(store, EventWrites(streams=[record, empty], deletions=[deletion]))

    snapshot = await loaded(shelf)

    assert list(snapshot.streams) == [KeptStream(record, 2, (2, 0)), KeptStream(empty, 0, None)]
    assert snapshot.next_stream == 3


# --- reading -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("first", "last", "expected"),
    [
        ((0, 0), ID_MAX, [1, 2, 3, 4, 5]),
        ((2, 0), (4, 0), [2, 3, 4]),
        ((2, 1), (4, ID_PART_MAX), [3, 4]),
        ((1, ID_PART_MAX), (1, ID_PART_MAX), []),
        ((4, 0), (2, 0), []),
        ((6, 0), ID_MAX, []),
    ],
)
async def test_a_range_is_from_one_id_to_another(
    store: Store, first: tuple[int, int], last: tuple[int, int], expected: list[int]
) -> None:
    await filled(store, 5)

    question = RangeQuestion(ONE, first, last, 100, 1000)
    assert await ids_in(store, question) == expected
    assert await ids_in(store, replace(question, backwards=True)) == expected[::-1]


async def test_a_range_knows_sequences_of_one_millisecond(store: Store) -> None:
    await append(store, a_stream(), *(Event((7, i), i, (b"k", b"v")) for i in range(1, 6)))

    found = await found_in(store, RangeQuestion(ONE, (7, 2), (7, 4), 100, 1000))
    back = await found_in(store, RangeQuestion(ONE, (7, 2), (7, 4), 2, 1000, backwards=True))

    assert [event.id[1] for event in found] == [2, 3, 4]
    assert [event.id[1] for event in back] == [4, 3]


@pytest.mark.parametrize("events_max", [1, 255, 256, 257, 600, 700])
async def test_a_range_has_so_many_events_and_no_more(store: Store, events_max: int) -> None:
    await filled(store, 600)

    expected = list(range(1, 601))
    assert await ids_in(store, all_of(events_max=events_max)) == expected[:events_max]
    back = await ids_in(store, all_of(events_max=events_max, backwards=True))
    assert back == expected[::-1][:events_max]


@pytest.mark.parametrize(
    ("bytes_max", "count"), [(1, 1), (1001, 1), (1002, 2), (2002, 2), (2003, 3), (9999, 3)]
)
async def test_a_range_ends_once_it_has_so_many_bytes(
    store: Store, bytes_max: int, count: int
) -> None:
    await append(store, a_stream(), *(an_event(i, b"k", bytes(1000)) for i in range(1, 4)))

    assert len(await found_in(store, all_of(bytes_max=bytes_max))) == count


async def test_large_events_are_among_small_ones(store: Store) -> None:
    appended = [an_event(i, b"k", bytes(20_000 if i % 2 else 10)) for i in range(1, 8)]
    await append(store, a_stream(), *appended)

    assert await found_in(store) == appended
    assert await found_in(store, all_of(bytes_max=41_000)) == appended[:5]


async def test_picked_events_are_found_by_their_ids(store: Store) -> None:
    await append(store, a_stream(), *events(1, 600), an_event(601, b"k", bytes(20_000)))

    asked = [*range(600, 0, -2), 601, 602, 700]
    pick = PickQuestion(ONE, tuple((number, 0) for number in asked))
    answers = await write(store, EventWrites(picks=[pick, PickQuestion(TWO, ((1, 0),))]))

    expected = {(number, 0): an_event(number) for number in range(2, 601, 2)}
    expected[601, 0] = an_event(601, b"k", bytes(20_000))
    assert [dict(found) for found in answers.picks] == [expected, {}]


async def test_a_stream_that_is_not_known_has_no_events(store: Store) -> None:
    assert await found_in(store, all_of(99)) == []


# --- deleting ------------------------------------------------------------------------------------


async def test_single_events_are_deleted(shelf: Shelf, store: Store) -> None:
    record = await filled(store, 5)

    deletions = [
        EventDeletion(ONE, ((4, 0), (9, 0), (2, 0), (4, 0))),
        EventDeletion(ONE, ((4, 0),)),
    ]
    answers = await write(store, EventWrites(streams=[record], deletions=deletions))

    assert [list(found) for found in answers.deletions] == [[(4, 0), (2, 0)], []]
    assert answers.first_ids == {ONE: (1, 0)}
    assert await ids_in(store) == [1, 3, 5]
    assert (await loaded(shelf)).streams[0].length == 3


async def test_what_the_same_batch_appends_can_be_deleted(store: Store) -> None:
    answers = await write(
        store,
        EventWrites(
            streams=[a_stream(last=2)],
            appended=[(ONE, an_event(1)), (ONE, an_event(2))],
            deletions=[EventDeletion(ONE, ((1, 0),))],
        ),
    )

    assert [list(found) for found in answers.deletions] == [[(1, 0)]]
    assert answers.first_ids == {ONE: (2, 0)}


async def test_a_stream_remembers_the_greatest_id_that_was_deleted(
    shelf: Shelf, store: Store
) -> None:
    record = await filled(store, 5)

    await write(store, EventWrites(deletions=[EventDeletion(ONE, ((4, 0), (5, 1)))]))
    assert (await loaded(shelf)).streams[0] == KeptStream(
        replace(record, max_deleted_id=(4, 0)), 4, (1, 0)
    )

    again = await shelf.open()
    await again.load()
    deletions = [EventDeletion(ONE, ((3, 0), (1, 0))), EventDeletion(ONE, ((2, 0),))]
    await write(again, EventWrites(streams=[record], deletions=deletions))
    assert (await loaded(shelf)).streams[0] == KeptStream(
        replace(record, max_deleted_id=(3, 0)), 1, (5, 0)
    )


async def test_a_deletion_that_finds_nothing_tells_of_no_first_id(store: Store) -> None:
    record = await filled(store, 1)

    deletions = [EventDeletion(ONE, ((9, 0),))]
    answers = await write(store, EventWrites(streams=[record], deletions=deletions))

    assert answers.first_ids == {}


# --- trimming ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("trim", "trimmed"),
    [
        (a_trim(), Trimmed(0, None, False)),
        (a_trim(count=3), Trimmed(3, (3, 0), False)),
        (a_trim(count=10), Trimmed(10, (10, 0), False)),
        (a_trim(count=11), Trimmed(10, (10, 0), False)),
        (a_trim(before=(4, 0)), Trimmed(3, (3, 0), False)),
        (a_trim(before=(4, 1)), Trimmed(4, (4, 0), False)),
        (a_trim(before=ID_MAX), Trimmed(10, (10, 0), False)),
        (a_trim(count=2, before=(4, 0)), Trimmed(3, (3, 0), False)),
        (a_trim(count=5, before=(4, 0)), Trimmed(5, (5, 0), False)),
        (a_trim(count=5, floor=(3, 0)), Trimmed(2, (2, 0), False)),
        (a_trim(before=(9, 0), floor=(3, 1)), Trimmed(3, (3, 0), False)),
        (a_trim(count=5, floor=(1, 0)), Trimmed(0, None, False)),
        (a_trim(count=5, events_max=5), Trimmed(5, (5, 0), False)),
        (a_trim(count=5, events_max=4), Trimmed(4, (4, 0), True)),
        (a_trim(before=(5, 0), events_max=4), Trimmed(4, (4, 0), False)),
        (a_trim(before=(6, 0), events_max=4), Trimmed(4, (4, 0), True)),
        (a_trim(count=2, before=(6, 0), events_max=4), Trimmed(4, (4, 0), True)),
        (a_trim(count=9, before=(6, 0), events_max=4), Trimmed(4, (4, 0), True)),
        (a_trim(count=9, floor=(5, 0), events_max=4), Trimmed(4, (4, 0), False)),
        (a_trim(before=(9, 0), floor=(5, 0), events_max=4), Trimmed(4, (4, 0), False)),
        (a_trim(count=99, events_max=10), Trimmed(10, (10, 0), False)),
    ],
)
async def test_the_first_events_are_trimmed(
    shelf: Shelf, store: Store, trim: EventTrim, trimmed: Trimmed
) -> None:
    record = await filled(store, 10)

    answers = await write(store, EventWrites(streams=[record], trims=[trim]))

    left = list(range(trimmed.removed_count + 1, 11))
    first_id = (left[0], 0) if left else None
    assert list(answers.trims) == [trimmed]
    assert answers.first_ids == ({ONE: first_id} if trimmed.removed_count else {})
    assert await ids_in(store) == left
    assert list((await loaded(shelf)).streams) == [KeptStream(record, len(left), first_id)]


async def test_what_the_same_batch_appends_counts_when_it_trims(store: Store) -> None:
    record = await filled(store, 3)

    answers = await write(
        store,
        EventWrites(
            streams=[replace(record, last_id=(5, 0), added_count=5)],
            appended=[(ONE, an_event(4)), (ONE, an_event(5))],
            trims=[a_trim(count=4)],
        ),
    )

    assert list(answers.trims) == [Trimmed(4, (4, 0), False)]
    assert await ids_in(store) == [5]


@pytest.mark.parametrize(
    ("deleted", "trimmed", "left"),
    [
        (2, Trimmed(2, (3, 0), False), [4, 5]),
        (3, Trimmed(2, (2, 0), False), [4, 5]),
        (4, Trimmed(3, (3, 0), False), [5]),
    ],
)
async def test_what_the_same_batch_deletes_counts_when_it_trims(
    store: Store, deleted: int, trimmed: Trimmed, left: list[int]
) -> None:
    record = await filled(store, 5)

    answers = await write(
        store,
        EventWrites(
            streams=[record],
            deletions=[EventDeletion(ONE, ((deleted, 0),))],
            trims=[a_trim(count=3)],
        ),
    )

    assert list(answers.trims) == [trimmed]
    assert await ids_in(store) == left


async def test_streams_are_trimmed_each_by_itself(store: Store) -> None:
    records = [await filled(store, 3, ONE), await filled(store, 3, TWO)]

    trims = [a_trim(TWO, count=1), a_trim(ONE, count=2)]
    answers = await write(store, EventWrites(streams=records, trims=trims))

    assert [trimmed.removed_count for trimmed in answers.trims] == [1, 2]
    assert answers.first_ids == {TWO: (2, 0), ONE: (3, 0)}


# --- dropping ------------------------------------------------------------------------------------


async def test_a_dropped_stream_is_gone(shelf: Shelf, store: Store) -> None:
    await filled(store, 3)

    await write(store, EventWrites(dropped_streams=[ONE, StreamNumber(99)]))

    snapshot = await loaded(shelf)
    assert list(snapshot.streams) == []
    assert snapshot.next_stream == 2
    assert snapshot.has_sweepings


async def test_a_name_that_was_dropped_may_be_given_in_the_same_batch(
    shelf: Shelf, store: Store
) -> None:
    old = await filled(store, 3)

    new = replace(a_stream(TWO, last=1), name=old.name)
    await write(
        store,
        EventWrites(streams=[new], dropped_streams=[ONE], appended=[(TWO, an_event(1))]),
    )

    assert await ids_in(store, all_of(TWO)) == [1]
    assert list((await loaded(shelf)).streams) == [KeptStream(new, 1, (1, 0))]


async def test_numbers_are_never_given_twice(shelf: Shelf, store: Store) -> None:
    await write(store, EventWrites(streams=[a_stream(3), a_stream(7)]))
    await write(store, EventWrites(dropped_streams=[StreamNumber(7)], sweep_max=100))

    assert (await loaded(shelf)).next_stream == 8
    assert (await loaded(shelf)).next_stream == 8


async def test_a_dropped_stream_is_swept_slice_by_slice(shelf: Shelf, store: Store) -> None:
    await filled(store, 6, ONE)
    await filled(store, 3, TWO)
    first = await write(store, EventWrites(dropped_streams=[ONE], sweep_max=3))

    assert (await loaded(shelf)).has_sweepings
    again = await shelf.open()
    await again.load()
    second = await write(again, EventWrites(sweep_max=3))
    third = await write(again, EventWrites(sweep_max=3))

    # Six events, and the record that says that they are to be swept.
    assert [answers.swept_count for answers in (first, second, third)] == [3, 3, 1]
    assert not (await loaded(shelf)).has_sweepings
    assert await ids_in(await shelf.open(), all_of(TWO)) == [1, 2, 3]


async def test_an_empty_write_leaves_nothing(shelf: Shelf, store: Store) -> None:
    await write(store, EventWrites())

    assert await loaded(shelf) == EventSnapshot()


async def test_a_stream_may_have_any_name(shelf: Shelf, store: Store) -> None:
    names = ["x" * 255, "ä/\0 'quoted\" \n", "jobs:*"]
    streams = [
        replace(a_stream(number), name=StreamName(name)) for number, name in enumerate(names, 1)
    ]

    await write(store, EventWrites(streams=streams))

    assert [kept.record for kept in (await loaded(shelf)).streams] == streams
