"""What the event log starts from."""

import sqlite3
from collections.abc import Iterable, Sequence

from penstock.jobs.events.life import queue_of
from penstock.jobs.events.model import GroupNumber, GroupRecord, PendingEvent, StreamNumber
from penstock.jobs.events.stream import LIFE_PREFIX
from penstock.jobs.store.event_port import (
    EventSnapshot,
    KeptStream,
    LifeStream,
    ScheduleRecord,
    TriggerRecord,
)
from penstock.jobs.store.sqlite.event_removing import first_id
from penstock.jobs.store.sqlite.event_rows import consumer_of, group_of, pending_of, stream_of
from penstock.jobs.store.sqlite.statements import EVENT_SQL


def load_events(connection: sqlite3.Connection) -> EventSnapshot:
    """Read all but the events themselves. Nobody else waits: it is done row by row."""
    execute = connection.execute
    next_stream, next_group = execute(EVENT_SQL["select_next_event_numbers"]).fetchone()
    (has_sweepings,) = execute(EVENT_SQL["has_sweepings"]).fetchone()
    groups = tuple(group_of(row) for row in execute(EVENT_SQL["select_groups"]).fetchall())
    consumers = execute(EVENT_SQL["select_consumers"]).fetchall()
    triggers = execute(EVENT_SQL["select_triggers"]).fetchall()
    schedules = execute(EVENT_SQL["select_schedules"]).fetchall()
    return EventSnapshot(
        next_stream=StreamNumber(next_stream),
        next_group=GroupNumber(next_group),
        streams=_streams(connection),
        groups=groups,
        consumers=tuple(consumer_of(row) for row in consumers),
        pending=_pending(connection, groups),
        triggers=tuple(TriggerRecord(*row) for row in triggers),
        schedules=tuple(ScheduleRecord(*row) for row in schedules),
        has_sweepings=has_sweepings == 1,
    )


def followed_life(connection: sqlite3.Connection) -> list[LifeStream]:
    """Return the streams that somebody follows and that are told of jobs."""
    rows = connection.execute(EVENT_SQL["select_followed_streams"], (LIFE_PREFIX,)).fetchall()
    records = [stream_of(row) for row in rows]
    return [LifeStream(record, queue_of(record.name)) for record in records]


def _streams(connection: sqlite3.Connection) -> tuple[KeptStream, ...]:
    kept = []
    for *row, length in connection.execute(EVENT_SQL["select_streams"]).fetchall():
        record = stream_of(row)
        first = first_id(connection, record.number) if length else None
        kept.append(KeptStream(record, length, first))
    return tuple(kept)


def _pending(
    connection: sqlite3.Connection, groups: Iterable[GroupRecord]
) -> dict[GroupNumber, Sequence[PendingEvent]]:
    pending: dict[GroupNumber, Sequence[PendingEvent]] = {}
    for group in groups:
        rows = connection.execute(EVENT_SQL["select_pending_events"], (group.number,)).fetchall()
        if rows:
            pending[group.number] = [pending_of(row) for row in rows]
    return pending
