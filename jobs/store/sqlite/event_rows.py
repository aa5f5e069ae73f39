"""Between streams, events and what belongs to them, and the rows and JSON of their statements."""

from collections.abc import Iterable
from typing import Final, TypeAlias

import msgspec

from penstock.jobs.events.model import (
    ConsumerName,
    ConsumerRecord,
    Event,
    EventId,
    Fields,
    GroupName,
    GroupNumber,
    GroupRecord,
    PendingEvent,
    StreamName,
    StreamNumber,
    StreamRecord,
)
from penstock.jobs.model import Instant
from penstock.jobs.store.event_port import HandledKey, PublishedKey
from penstock.jobs.store.sqlite.job_rows import NO_NUMBER
from penstock.jobs.store.sqlite.many_rows import Row, Value

# Number, name, last id, added, greatest deleted id, length_max, age_ms_max.
StreamRow: TypeAlias = tuple[int, str, int, int, int, int, int, int | None, int | None]
GroupRow: TypeAlias = tuple[int, int, str, int, int, int | None, int]
ConsumerRow: TypeAlias = tuple[int, str, int, int | None]
PendingRow: TypeAlias = tuple[int, int, str, int, int]
PageRow: TypeAlias = tuple[int, int, int, int]  # Id, offset, length of the fields.

# SQLite's `substr` gives NULL instead of an empty blob when the whole blob is empty, so there is
# always one byte in front.
_FRONT: Final = b"-"
_POSITION_FIRST: Final = 2

_encode_fields_into: Final = msgspec.msgpack.Encoder().encode_into
_decode_fields: Final = msgspec.msgpack.Decoder(tuple[bytes, ...]).decode
_encode: Final = msgspec.json.Encoder().encode
_decode_ids: Final = msgspec.json.Decoder(list[EventId]).decode
_decode_page: Final = msgspec.json.Decoder(list[PageRow]).decode
_decode_places: Final = msgspec.json.Decoder(list[int]).decode
_decode_published: Final = msgspec.json.Decoder(list[tuple[int, int, int]]).decode


# --- in ------------------------------------------------------------------------------------------


def stream_row(stream: StreamRecord, growth: int) -> Row:
    """Return the row of put_streams: *growth* is what comes to its length."""
    return (
        stream.number,
        stream.name,
        growth,
        *stream.last_id,
        stream.added_count,
        *stream.max_deleted_id,
        _or_no_number(stream.length_max),
        _or_no_number(stream.age_ms_max),
    )


def event_rows(
    appended: Iterable[tuple[StreamNumber, Event]], shared_bytes_max: int
) -> tuple[list[Row], list[Row], int]:
    """Return the rows of insert_events, those with larger fields apart, and their bytes in all."""
    rows: list[Row] = []
    large_rows: list[Row] = []
    bytes_count = 0
    for number, event in appended:
        ms, seq = event.id
        # Python's sqlite3 takes longer to bind bytes than a bytearray.
        fields = bytearray()
        _encode_fields_into(event.fields, fields)
        size = len(fields)
        bytes_count += size
        row = (number, ms, seq, event.offset, fields)
        if size <= shared_bytes_max:
            rows.append(row)
        else:
            large_rows.append(row)
    return rows, large_rows, bytes_count


def group_rows(groups: Iterable[GroupRecord]) -> list[Row]:
    """Return the rows of put_groups."""
    return [
        (
            group.number,
            group.stream,
            group.name,
            *group.last_delivered_id,
            _or_no_number(group.read_count),
            group.is_lossy,
        )
        for group in groups
    ]


def consumer_rows(consumers: Iterable[ConsumerRecord]) -> list[Row]:
    """Return the rows of put_consumers."""
    return [
        (consumer.group, consumer.name, consumer.seen_at, _or_no_number(consumer.active_at))
        for consumer in consumers
    ]


def pending_rows(pending_events: Iterable[tuple[GroupNumber, PendingEvent]]) -> list[Row]:
    """Return the rows of put_pending_events."""
    return [
        (number, *pending.id, pending.consumer, pending.delivered_at, pending.deliveries)
        for number, pending in pending_events
    ]


def handled_rows(keys: Iterable[HandledKey]) -> list[Row]:
    """Return the rows of put_handled_keys."""
    return [(handled.group, encode_key(handled.key), handled.remove_at) for handled in keys]


def published_rows(keys: Iterable[PublishedKey]) -> list[Row]:
    """Return the rows of put_published_keys."""
    return [
        (published.stream, encode_key(published.key), *published.id, published.remove_at)
        for published in keys
    ]


def encode_event_ids(ids: Iterable[EventId]) -> str:
    return _encode(list(ids)).decode()


def encode_key(key: str) -> bytes:
    return key.encode("utf-8", "surrogatepass")


def encode_key_questions(questions: Iterable[tuple[int, str]]) -> tuple[str, bytes]:
    """Return the first parameters of select_handled_keys and select_published_keys."""
    rows = []
    keys = [_FRONT]
    position = _POSITION_FIRST
    for place, (owner, key) in enumerate(questions):
        blob = encode_key(key)
        rows.append((place, owner, position, len(blob)))
        keys.append(blob)
        position += len(blob)
    return _encode(rows).decode(), b"".join(keys)


def _or_no_number(value: int | None) -> Value:
    return NO_NUMBER if value is None else value


# --- out -----------------------------------------------------------------------------------------


def decode_event_ids(rows: str) -> list[EventId]:
    return _decode_ids(rows)


def decode_page(rows: str) -> list[PageRow]:
    return _decode_page(rows)


def decode_fields(blob: bytes | memoryview) -> Fields:
    return _decode_fields(blob)


def decode_places(rows: str) -> list[int]:
    return _decode_places(rows)


def decode_published(rows: str) -> dict[int, EventId]:
    """Return the ids by the places of the questions."""
    return {place: (ms, seq) for place, ms, seq in _decode_published(rows)}


def stream_of(row: StreamRow) -> StreamRecord:
    number, name, last_ms, last_seq, added, deleted_ms, deleted_seq, length_max, age_ms_max = row
    return StreamRecord(
        StreamNumber(number),
        StreamName(name),
        (last_ms, last_seq),
        added,
        (deleted_ms, deleted_seq),
        length_max,
        age_ms_max,
    )


def group_of(row: GroupRow) -> GroupRecord:
    number, stream, name, last_ms, last_seq, read_count, is_lossy = row
    return GroupRecord(
        GroupNumber(number),
        StreamNumber(stream),
        GroupName(name),
        (last_ms, last_seq),
        read_count,
        is_lossy == 1,
    )


def consumer_of(row: ConsumerRow) -> ConsumerRecord:
    group, name, seen_at, active_at = row
    return ConsumerRecord(
        GroupNumber(group),
        ConsumerName(name),
        Instant(seen_at),
        None if active_at is None else Instant(active_at),
    )


def pending_of(row: PendingRow) -> PendingEvent:
    ms, seq, consumer, delivered_at, deliveries = row
    return PendingEvent((ms, seq), ConsumerName(consumer), Instant(delivered_at), deliveries)
