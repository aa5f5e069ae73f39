"""Removing events: single ones, the first ones of a stream, and whatever is dropped."""

import sqlite3

from penstock.jobs.events.model import EventId, StreamNumber
from penstock.jobs.store.event_port import EventDeletion, EventTrim, EventWrites, Trimmed
from penstock.jobs.store.sqlite.event_rows import decode_event_ids, encode_event_ids
from penstock.jobs.store.sqlite.rows import encode_ids
from penstock.jobs.store.sqlite.statements import EVENT_SQL
from penstock.jobs.store.sqlite.stream_tally import StreamTally

# --- dropping ------------------------------------------------------------------------------------


def drop(connection: sqlite3.Connection, writes: EventWrites) -> None:
    """Drop streams, groups and consumers. What may be much is only noted, to be swept later."""
    if writes.dropped_streams or writes.dropped_groups:
        connection.execute(EVENT_SQL["save_next_event_numbers"])
    if writes.dropped_streams:
        ids = (encode_ids(writes.dropped_streams),)
        connection.execute(EVENT_SQL["note_dropped_streams"], ids)
        connection.execute(EVENT_SQL["note_groups_of_dropped_streams"], ids)
        connection.execute(EVENT_SQL["delete_groups_of_dropped_streams"], ids)
        connection.execute(EVENT_SQL["delete_streams"], ids)
    if writes.dropped_groups:
        ids = (encode_ids(writes.dropped_groups),)
        connection.execute(EVENT_SQL["note_dropped_groups"], ids)
        connection.execute(EVENT_SQL["delete_groups"], ids)
    for consumer in writes.dropped_consumers:
        connection.execute(EVENT_SQL["delete_consumer"], consumer)
        connection.execute(EVENT_SQL["delete_pending_events_of_consumer"], consumer)


# --- deleting ------------------------------------------------------------------------------------


def delete(
    connection: sqlite3.Connection, deletion: EventDeletion, tally: StreamTally
) -> list[EventId]:
    """Delete single events; return the ids that there were, each once."""
    asked = (deletion.stream, encode_event_ids(deletion.ids))
    (rows,) = connection.execute(EVENT_SQL["select_known_ids"], asked).fetchone()
    known = set(decode_event_ids(rows))
    if known:
        connection.execute(EVENT_SQL["delete_events"], asked)
        tally.removed(deletion.stream, len(known))
        tally.deleted_until(deletion.stream, max(known))
    return [event_id for event_id in dict.fromkeys(deletion.ids) if event_id in known]


# --- trimming ------------------------------------------------------------------------------------


def end_of_trim(connection: sqlite3.Connection, asked: EventTrim) -> tuple[EventId, bool]:
    """Return before which id a trim removes all, and whether there is more to remove there."""
    end = asked.floor
    at = _id_at(connection, asked.stream, asked.floor, min(asked.count, asked.events_max))
    if at is not None:
        if asked.count > asked.events_max:
            return at, True
        end = max(at, min(asked.before, asked.floor))
        if end > at:
            too_many = _id_at(connection, asked.stream, end, asked.events_max)
            if too_many is not None:
                return too_many, True
    return end, False


def trim(
    connection: sqlite3.Connection,
    stream: StreamNumber,
    end: EventId,
    more: bool,
    tally: StreamTally,
) -> Trimmed:
    """Remove the events of a stream before an id."""
    last = connection.execute(EVENT_SQL["select_last_id_before"], (stream, *end)).fetchone()
    if last is None:
        return Trimmed(0, None, more)
    count = connection.execute(EVENT_SQL["delete_events_before"], (stream, *end)).rowcount
    tally.removed(stream, count)
    return Trimmed(count, last, more)


def _id_at(
    connection: sqlite3.Connection, stream: StreamNumber, before: EventId, place: int
) -> EventId | None:
    """Return the id of the event of a stream that so many go before, if it is before an id."""
    asked = (stream, *before, place)
    found: EventId | None = connection.execute(EVENT_SQL["select_id_at"], asked).fetchone()
    return found


def first_id(connection: sqlite3.Connection, stream: StreamNumber) -> EventId | None:
    found: EventId | None = connection.execute(EVENT_SQL["select_first_id"], (stream,)).fetchone()
    return found
