"""The questions of a batch about events."""

import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from penstock.jobs.events.ids import predecessor, successor
from penstock.jobs.events.model import Event, EventId, GroupNumber, StreamNumber
from penstock.jobs.model import Instant
from penstock.jobs.store.event_port import EventAnswers, EventWrites, PickQuestion, RangeQuestion
from penstock.jobs.store.sqlite.event_rows import (
    PageRow,
    decode_fields,
    decode_page,
    decode_places,
    decode_published,
    encode_event_ids,
    encode_key_questions,
)
from penstock.jobs.store.sqlite.rows import SHARED_BLOB_BYTES_MAX
from penstock.jobs.store.sqlite.statements import EVENT_SQL

# So many events come with one step at the most, and so at most 4 MiB.
_PAGE_EVENTS_MAX: Final = 256


def asks_about_events(writes: EventWrites) -> bool:
    return bool(writes.ranges or writes.picks or writes.were_handled or writes.were_published)


def answer_about_events(
    connection: sqlite3.Connection, asked: EventWrites, now: Instant, answers: EventAnswers
) -> None:
    """Answer the questions of a batch."""
    if asked.ranges:
        answers.ranges = [_range(connection, question) for question in asked.ranges]
    if asked.picks:
        answers.picks = [_picks(connection, question) for question in asked.picks]
    if asked.were_handled:
        answers.were_handled = _were_handled(connection, asked.were_handled, now)
    if asked.were_published:
        answers.were_published = _were_published(connection, asked.were_published, now)


# --- events --------------------------------------------------------------------------------------


def _range(connection: sqlite3.Connection, question: RangeQuestion) -> list[Event]:
    """Read page by page, until there are enough."""
    statement = EVENT_SQL["select_range_backwards" if question.backwards else "select_range"]
    found: list[Event] = []
    first, last = question.first, question.last
    bytes_left = question.bytes_max
    while True:
        page_max = min(_PAGE_EVENTS_MAX, question.events_max - len(found))
        asked = (question.stream, SHARED_BLOB_BYTES_MAX, *first, *last, page_max)
        rows, blob = connection.execute(statement, asked).fetchone()
        page = decode_page(rows)
        for event in _events(connection, question.stream, page, blob):
            found.append(event)
            bytes_left -= event.size
            if bytes_left <= 0:
                return found
        if len(page) < page_max or len(found) == question.events_max:
            return found
        if question.backwards:
            last = predecessor(found[-1].id)
        else:
            first = successor(found[-1].id)
        if first > last:
            return found


def _picks(connection: sqlite3.Connection, question: PickQuestion) -> Mapping[EventId, Event]:
    found: dict[EventId, Event] = {}
    for start in range(0, len(question.ids), _PAGE_EVENTS_MAX):
        ids = encode_event_ids(question.ids[start : start + _PAGE_EVENTS_MAX])
        asked = (question.stream, SHARED_BLOB_BYTES_MAX, ids)
        rows, blob = connection.execute(EVENT_SQL["select_picks"], asked).fetchone()
        events = _events(connection, question.stream, decode_page(rows), blob)
        found.update((event.id, event) for event in events)
    return found


def _events(
    connection: sqlite3.Connection, stream: StreamNumber, page: Iterable[PageRow], blob: bytes
) -> Iterator[Event]:
    """Cut the events of a page out of what they share; a large one is read when it is wanted."""
    shared = memoryview(blob or b"")
    start = 0
    for ms, seq, offset, size in page:
        if size <= SHARED_BLOB_BYTES_MAX:
            fields = decode_fields(shared[start : start + size])
            start += size
        else:
            asked = (stream, ms, seq)
            (large,) = connection.execute(EVENT_SQL["select_fields"], asked).fetchone()
            fields = decode_fields(large)
        yield Event((ms, seq), offset, fields)


# --- keys ----------------------------------------------------------------------------------------


def _were_handled(
    connection: sqlite3.Connection, asked: Sequence[tuple[GroupNumber, str]], now: Instant
) -> list[bool]:
    questions = (*encode_key_questions(asked), now)
    (rows,) = connection.execute(EVENT_SQL["select_handled_keys"], questions).fetchone()
    handled = set(decode_places(rows))
    return [place in handled for place in range(len(asked))]


def _were_published(
    connection: sqlite3.Connection, asked: Sequence[tuple[StreamNumber, str]], now: Instant
) -> list[EventId | None]:
    questions = (*encode_key_questions(asked), now)
    (rows,) = connection.execute(EVENT_SQL["select_published_keys"], questions).fetchone()
    published = decode_published(rows)
    return [published.get(place) for place in range(len(asked))]
