"""What a batch writes of events, inside its transaction."""

import sqlite3
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from operator import itemgetter
from typing import Final

from penstock.jobs.events.life import Told, append_life, late_life
from penstock.jobs.events.model import Event, EventId, GroupNumber, StreamNumber, StreamRecord
from penstock.jobs.model import Instant
from penstock.jobs.store.event_port import EventAnswers, EventWrites, LifeStream
from penstock.jobs.store.port import Batch, Commit
from penstock.jobs.store.sqlite.event_removing import delete, drop, end_of_trim, first_id, trim
from penstock.jobs.store.sqlite.event_rows import (
    consumer_rows,
    encode_event_ids,
    event_rows,
    group_rows,
    handled_rows,
    pending_rows,
    published_rows,
)
from penstock.jobs.store.sqlite.event_sweeping import sweep
from penstock.jobs.store.sqlite.many_rows import ManyRows
from penstock.jobs.store.sqlite.rows import SHARED_BLOB_BYTES_MAX
from penstock.jobs.store.sqlite.statements import EVENT_SQL
from penstock.jobs.store.sqlite.stream_tally import StreamTally

_PUT_GROUPS: Final = ManyRows(EVENT_SQL["put_groups"])
_PUT_CONSUMERS: Final = ManyRows(EVENT_SQL["put_consumers"])
_INSERT_EVENTS: Final = ManyRows(EVENT_SQL["insert_events"])
_PUT_PENDING_EVENTS: Final = ManyRows(EVENT_SQL["put_pending_events"])
_PUT_HANDLED_KEYS: Final = ManyRows(EVENT_SQL["put_handled_keys"])
_PUT_PUBLISHED_KEYS: Final = ManyRows(EVENT_SQL["put_published_keys"])

_NUMBER: Final[Callable[[tuple[StreamNumber, Event]], StreamNumber]] = itemgetter(0)


def writes_any_event(writes: EventWrites) -> bool:
    """Say whether anything is to be written of the event log."""
    return bool(
        writes.streams
        or writes.dropped_streams
        or writes.groups
        or writes.dropped_groups
        or writes.consumers
        or writes.dropped_consumers
        or writes.appended
        or writes.deletions
        or writes.trims
        or writes.acknowledged
        or writes.pending
        or writes.handled
        or writes.published
        or writes.triggers
        or writes.dropped_triggers
        or writes.schedules
        or writes.dropped_schedules
        or writes.life
        or writes.sweep_max
    )


def write_events(
    connection: sqlite3.Connection, batch: Batch, writes: EventWrites, commit: Commit
) -> int:
    """Write what a batch says of events, and note in *commit* what became of it.

    Return about how many bytes of the database that changed.
    """
    answers = commit.events
    tally = StreamTally()
    drop(connection, writes)
    _PUT_GROUPS.execute(connection, group_rows(writes.groups))
    _PUT_CONSUMERS.execute(connection, consumer_rows(writes.consumers))
    _append(connection, writes.appended, tally)
    if writes.deletions or writes.trims:
        _remove(connection, writes, answers, tally)
    _put_pending(connection, writes)
    tally.touched(len(writes.acknowledged) + len(writes.pending))
    _PUT_HANDLED_KEYS.execute(connection, handled_rows(writes.handled))
    _PUT_PUBLISHED_KEYS.execute(connection, published_rows(writes.published))
    _put_definitions(connection, writes)
    records = {record.number: record for record in writes.streams}
    if writes.life:
        told = late_life(batch, commit)
        late, answers.late = _append_life(connection, writes.life, told, batch.now, tally)
        records |= {record.number: record for record in late}
    tally.put(connection, records.values())
    answers.first_ids = {number: first_id(connection, number) for number in tally.shortened}
    if writes.sweep_max:
        answers.swept_count = sweep(connection, writes.sweep_max, batch.now)
        tally.touched(answers.swept_count)
    return tally.written_bytes


def tell_start(
    connection: sqlite3.Connection,
    streams: Sequence[LifeStream],
    told: Sequence[Told],
    now: Instant,
) -> int:
    """Tell streams of the transitions of a start; return about how many bytes that changed."""
    tally = StreamTally()
    records, _ = _append_life(connection, streams, told, now, tally)
    tally.put(connection, records)
    return tally.written_bytes


def _append_life(
    connection: sqlite3.Connection,
    streams: Sequence[LifeStream],
    told: Sequence[Told],
    now: Instant,
    tally: StreamTally,
) -> tuple[list[StreamRecord], list[tuple[StreamNumber, Event]]]:
    """Append what streams are told; return their records, and the events."""
    late = list(append_life(streams, told, now))
    events = [event for _, events in late for event in events]
    _append(connection, events, tally)
    return [stream.record for stream, _ in late], events


def _append(
    connection: sqlite3.Connection,
    appended: Sequence[tuple[StreamNumber, Event]],
    tally: StreamTally,
) -> None:
    """Append events: the small ones together, the large ones one by one."""
    rows, large_rows, bytes_count = event_rows(appended, SHARED_BLOB_BYTES_MAX)
    _INSERT_EVENTS.execute(connection, rows)
    for row in large_rows:
        _INSERT_EVENTS.execute(connection, [row])
    tally.added(Counter(map(_NUMBER, appended)), bytes_count)


def _remove(
    connection: sqlite3.Connection,
    writes: EventWrites,
    answers: EventAnswers,
    tally: StreamTally,
) -> None:
    """Delete and trim. What a trim counts is there before the deletions."""
    ends = [end_of_trim(connection, asked) for asked in writes.trims]
    answers.deletions = [delete(connection, deletion, tally) for deletion in writes.deletions]
    answers.trims = [
        trim(connection, asked.stream, end, more, tally)
        for asked, (end, more) in zip(writes.trims, ends, strict=True)
    ]


def _put_pending(connection: sqlite3.Connection, writes: EventWrites) -> None:
    by_group: defaultdict[GroupNumber, list[EventId]] = defaultdict(list)
    for number, event_id in writes.acknowledged:
        by_group[number].append(event_id)
    for number, ids in by_group.items():
        asked = (number, encode_event_ids(ids))
        connection.execute(EVENT_SQL["delete_pending_events"], asked)
    _PUT_PENDING_EVENTS.execute(connection, pending_rows(writes.pending))


def _put_definitions(connection: sqlite3.Connection, writes: EventWrites) -> None:
    for name in writes.dropped_triggers:
        connection.execute(EVENT_SQL["delete_trigger"], (name,))
    for trigger in writes.triggers:
        connection.execute(EVENT_SQL["put_trigger"], (trigger.name, trigger.definition))
    for name in writes.dropped_schedules:
        connection.execute(EVENT_SQL["delete_schedule"], (name,))
    for schedule in writes.schedules:
        connection.execute(EVENT_SQL["put_schedule"], (schedule.name, schedule.definition))
