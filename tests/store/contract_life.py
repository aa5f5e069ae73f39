"""What every store must tell of the life of jobs: what only its transaction knows."""

from collections.abc import Sequence
from typing import TypeAlias

import pytest
from msgspec.structs import replace

from penstock.jobs.events.model import Event, EventId, StreamName, StreamNumber, StreamRecord
from penstock.jobs.model import Job, JobId, QueueName
from penstock.jobs.store.event_port import EventWrites, LifeStream
from penstock.jobs.store.port import Batch, PurgeSlice, Store, Submission
from tests.store.asking import Shelf, submit
from tests.store.event_records import (
    FIRST,
    ONE,
    SECOND,
    TWO,
    a_group,
    a_stream,
    a_trim,
    all_of,
    append,
    events,
    found_in,
    loaded,
    write,
)
from tests.store.records import (
    NOW,
    QUEUE,
    a_job,
    claimed,
    completed,
    scheduled,
    submissions,
)

Seen: TypeAlias = tuple[str, str, str, str]  # Job, from, to, reason.

OF_QUEUE = replace(a_stream(ONE), name=StreamName(f"jobs:{QUEUE}"))
OF_ALL = replace(a_stream(TWO), name=StreamName("jobs:*"))
OTHER = QueueName("other")


def life(*records: StreamRecord) -> list[LifeStream]:
    """Return who is told: of all jobs, or of those of one queue."""
    return [LifeStream(record, None if record.number == TWO else QUEUE) for record in records]


def fields_of(event: Event) -> dict[str, str]:
    names, values = event.fields[::2], event.fields[1::2]
    return {name.decode(): value.decode() for name, value in zip(names, values, strict=True)}


def seen(events: Sequence[tuple[StreamNumber, Event]], stream: StreamNumber = ONE) -> list[Seen]:
    told = [fields_of(event) for number, event in events if number == stream]
    return [(f["id"], f["from"], f["to"], f["reason"]) for f in told]


async def told(store: Store, batch: Batch) -> Sequence[tuple[StreamNumber, Event]]:
    """Commit a batch whose transitions a stream of the queue and one of all are told."""
    batch.events = EventWrites(streams=[OF_QUEUE, OF_ALL], life=life(OF_QUEUE, OF_ALL))
    return (await store.commit(batch)).events.late


# --- in a batch ----------------------------------------------------------------------------------


async def test_a_submission_with_a_key_or_a_group_is_told(store: Store) -> None:
    jobs = [a_job(1), a_job(2, key="k"), a_job(3, group="g"), scheduled(a_job(4, key="l"), NOW + 5)]

    late = await told(store, Batch(now=NOW, submissions=submissions(*jobs)))

    assert seen(late) == [
        ("2", "", "ready", "submit"),
        ("3", "", "ready", "submit"),
        ("4", "", "scheduled", "schedule"),
    ]


async def test_a_duplicate_is_not_told(store: Store) -> None:
    await submit(store, a_job(1, key="k"))

    jobs = [a_job(2, key="k"), a_job(3, key="l"), a_job(4, key="l")]
    late = await told(store, Batch(now=NOW, submissions=submissions(*jobs)))

    assert seen(late) == [("3", "", "ready", "submit")]


async def test_a_blocked_submission_is_told_as_blocked(store: Store) -> None:
    jobs = [a_job(1, group="g"), a_job(2, group="g")]

    late = await told(store, Batch(now=NOW, submissions=submissions(*jobs)))

    assert seen(late) == [("1", "", "ready", "submit"), ("2", "", "blocked", "block")]


async def test_promoted_jobs_are_told_last(store: Store) -> None:
    first, second = a_job(1, group="g"), a_job(2, group="g")
    third, fourth = a_job(3, group="h"), scheduled(a_job(4, group="h"), NOW + 5)
    await submit(store, first, second, third, fourth)

    done = [completed(claimed(third)), completed(claimed(first))]
    new = submissions(a_job(5, group="g"))
    late = await told(store, Batch(now=NOW, submissions=new, updates=done))

    assert seen(late) == [
        ("5", "", "blocked", "block"),
        ("2", "blocked", "ready", "unblock"),
        ("4", "blocked", "scheduled", "promote"),
    ]


async def test_purged_jobs_are_told_first(store: Store) -> None:
    await submit(store, a_job(1, group="g"), a_job(2, group="g"), a_job(3, group="g"))
    await submit(store, scheduled(a_job(4), NOW + 5), a_job(5))

    spared = frozenset({JobId(3)})
    late = await told(store, Batch(now=NOW, purges=[PurgeSlice(QUEUE, JobId(5), 100, spared)]))

    assert seen(late) == [
        ("2", "blocked", "removed", "purge"),
        ("4", "scheduled", "removed", "purge"),
        ("1", "ready", "removed", "purge"),
        ("5", "ready", "removed", "purge"),
        ("3", "blocked", "ready", "unblock"),
    ]


async def test_a_stream_is_told_of_its_queue_and_another_of_all(store: Store) -> None:
    jobs = [a_job(1, key="a"), a_job(2, queue=OTHER, key="b"), a_job(3, key="c")]

    late = await told(store, Batch(now=NOW, submissions=submissions(*jobs)))

    assert [job_id for job_id, *_ in seen(late, ONE)] == ["1", "3"]
    assert [job_id for job_id, *_ in seen(late, TWO)] == ["1", "2", "3"]


async def test_an_event_says_what_is_known_of_the_job(store: Store) -> None:
    job = replace(
        scheduled(a_job(1, key="k", group="g", tenant="t"), NOW + 5), producer="trigger:t#3"
    )

    late = await told(store, Batch(now=NOW, submissions=[Submission(job, b"[]")]))

    _, event = late[0]
    assert list(fields_of(event).items()) == [
        ("id", "1"),
        ("queue", "default"),
        ("task", "echo"),
        ("attempt", "0"),
        ("from", ""),
        ("to", "scheduled"),
        ("reason", "schedule"),
        ("worker", ""),
        ("at", str(NOW)),
        ("due_at", str(NOW + 5)),
        ("key", "k"),
        ("tenant", "t"),
        ("group", "g"),
        ("producer", "trigger:t#3"),
    ]


@pytest.mark.parametrize(
    ("last_id", "ids"),
    [
        ((NOW - 1, 7), [(NOW, 0), (NOW, 1)]),
        ((NOW, 7), [(NOW, 8), (NOW, 9)]),
        ((NOW + 9, 0), [(NOW + 9, 1), (NOW + 9, 2)]),
    ],
)
async def test_late_events_go_on_with_ids_and_offsets(
    shelf: Shelf, store: Store, last_id: EventId, ids: list[EventId]
) -> None:
    known = Event(last_id, 5, (b"known", b""))
    record = replace(OF_QUEUE, last_id=last_id, added_count=5)
    jobs = submissions(a_job(1, key="a"), a_job(2, key="b"))
    writes = EventWrites(streams=[record], appended=[(ONE, known)], life=life(record))

    commit = await store.commit(Batch(now=NOW, submissions=jobs, events=writes))

    late = [event for _, event in commit.events.late]
    assert [event.id for event in late] == ids
    assert [event.offset for event in late] == [6, 7]
    assert await found_in(store) == [known, *late]
    kept = (await loaded(shelf)).streams[0]
    assert kept.record == replace(record, last_id=ids[-1], added_count=7)
    assert (kept.length, kept.first_id) == (3, last_id)


async def test_what_is_told_late_is_not_trimmed(store: Store) -> None:
    record = await append(store, OF_QUEUE, *events(1, 3))

    writes = EventWrites(streams=[record], trims=[a_trim(count=99)], life=life(record))
    jobs = submissions(a_job(1, key="a"))
    commit = await store.commit(Batch(now=NOW, submissions=jobs, events=writes))

    assert commit.events.trims[0].removed_count == 3
    assert commit.events.first_ids == {ONE: (NOW, 0)}
    assert [event.offset for event in await found_in(store)] == [4]


async def test_nobody_is_told_of_nothing(shelf: Shelf, store: Store) -> None:
    await write(store, EventWrites(streams=[OF_QUEUE, OF_ALL]))

    ahead = replace(OF_QUEUE, added_count=9)
    commit = await store.commit(Batch(now=NOW, events=EventWrites(life=life(ahead, OF_ALL))))

    assert list(commit.events.late) == []
    assert [kept.record for kept in (await loaded(shelf)).streams] == [OF_QUEUE, OF_ALL]


# --- at a start ----------------------------------------------------------------------------------


@pytest.fixture
async def running(store: Store) -> Store:
    """A store in which leases are held: 1 and 2 of a group, and 1 was told to stop."""
    stopped = replace(claimed(a_job(1, group="g")), cancel_asked_at=NOW, reason="enough")
    await submit(store, a_job(1, group="g"), a_job(2), a_job(3, group="g"), a_job(4, queue=OTHER))
    jobs: list[Job] = [a_job(1, group="g"), a_job(2), a_job(4, queue=OTHER)]
    await store.commit(Batch(updates=[claimed(job) for job in jobs]))
    await store.commit(Batch(rewrites=[stopped]))
    return store


async def test_leases_that_end_at_a_start_are_told(shelf: Shelf, running: Store) -> None:
    groups = [a_group(FIRST, ONE), a_group(SECOND, TWO)]
    await write(running, EventWrites(streams=[OF_QUEUE, OF_ALL], groups=groups))

    snapshot = await loaded(shelf, NOW + 50)

    again = await shelf.open()
    of_queue = await found_in(again, all_of(ONE))
    assert seen([(ONE, event) for event in of_queue]) == [
        ("1", "claimed", "cancelled", "cancel"),
        ("2", "claimed", "ready", "release"),
        ("3", "blocked", "ready", "unblock"),
    ]
    assert fields_of(of_queue[0])["note"] == "enough"
    assert [event.id for event in of_queue] == [(NOW + 50, i) for i in range(3)]
    assert len(await found_in(again, all_of(TWO))) == 4
    assert [(kept.length, kept.record.added_count) for kept in snapshot.streams] == [(3, 3), (4, 4)]


async def test_a_start_tells_nobody_where_nobody_listens(shelf: Shelf, running: Store) -> None:
    named = replace(a_stream(3), name=StreamName("jobs"))
    other = replace(a_stream(4), name=StreamName("jobs:nowhere"))
    groups = [a_group(FIRST, 3), a_group(SECOND, 4)]
    await write(running, EventWrites(streams=[OF_QUEUE, OF_ALL, named, other], groups=groups))

    snapshot = await loaded(shelf)

    assert [kept.length for kept in snapshot.streams] == [0, 0, 0, 0]


async def test_a_start_without_leases_tells_nothing(shelf: Shelf, store: Store) -> None:
    await submit(store, a_job(1))
    await write(store, EventWrites(streams=[OF_QUEUE], groups=[a_group(FIRST, ONE)]))

    snapshot = await loaded(shelf)

    assert [kept.length for kept in snapshot.streams] == [0]
