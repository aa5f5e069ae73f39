"""Replies about events: what Redis sends, byte for byte, in RESP2 and RESP3.

Events look the same in both; an absent array and a map do not. The functions know ids as pairs of
numbers and fields as bytes, and join each reply once.
"""

from collections.abc import Mapping, Sequence
from typing import Protocol

from penstock.protocol.event_ids import EventId, format_id
from penstock.protocol.replies import EMPTY_ARRAY, array, bulk, integer, null


class Entry(Protocol):
    """An event as it is shown."""

    @property
    def id(self) -> EventId: ...

    @property
    def fields(self) -> Sequence[bytes]: ...


def event_id(number: EventId) -> bytes:
    """Encode the id of an event."""
    return bulk(b"%d-%d" % number)


def event_ids(numbers: Sequence[EventId]) -> bytes:
    """Encode ids, as XCLAIM JUSTID gives them."""
    return array([event_id(number) for number in numbers])


def event(number: EventId, fields: Sequence[bytes]) -> bytes:
    """Encode an event: its id, and its fields and values, flat."""
    raw = b"%d-%d" % number
    return b"*2\r\n$%d\r\n%b\r\n*%d\r\n%b" % (
        len(raw),
        raw,
        len(fields),
        b"".join([b"$%d\r\n%b\r\n" % (len(field), field) for field in fields]),
    )


def events(entries: Sequence[Entry]) -> bytes:
    """Encode events, as XRANGE gives them."""
    return array([event(entry.id, entry.fields) for entry in entries])


def deleted_event(number: EventId, resp3: bool) -> bytes:
    """Encode what a consumer is told of an event that it still has and that is gone."""
    return b"*2\r\n%b%b" % (event_id(number), null_array(resp3))


def null_array(resp3: bool) -> bytes:
    """Encode what stands for an array that is not there: nothing was read."""
    return b"_\r\n" if resp3 else b"*-1\r\n"


def readings(read: Mapping[str, bytes], resp3: bool) -> bytes:
    """Encode what was read of each stream, as XREAD gives it; null if that is nothing.

    The events of each stream are encoded already.
    """
    if not read:
        return null_array(resp3)
    parts = [b"%%%d\r\n" % len(read) if resp3 else b"*%d\r\n" % len(read)]
    start = b"" if resp3 else b"*2\r\n"
    for stream, encoded in read.items():
        parts += (start, bulk(stream.encode()), encoded)
    return b"".join(parts)


# --- pending events ------------------------------------------------------------------------------


def pending_summary(
    count: int, ends: tuple[EventId, EventId] | None, consumers: Mapping[str, int], resp3: bool
) -> bytes:
    """Encode how many events are pending, the first and the last, and how many of each consumer.

    *ends* is None if there are none.
    """
    if ends is None:
        absent = null(resp3)
        return array([integer(0), absent, absent, null_array(resp3)])
    rows = [
        array([bulk(consumer.encode()), bulk(b"%d" % pending)])
        for consumer, pending in consumers.items()
    ]
    return array([integer(count), event_id(ends[0]), event_id(ends[1]), array(rows)])


def pending_event(number: EventId, consumer: str, idle_ms: int, deliveries: int) -> bytes:
    """Encode a pending event, as XPENDING lists it."""
    raw_id, name = format_id(number), consumer.encode()
    return b"*4\r\n$%d\r\n%b\r\n$%d\r\n%b\r\n:%d\r\n:%d\r\n" % (
        len(raw_id),
        raw_id,
        len(name),
        name,
        idle_ms,
        deliveries,
    )


def auto_claimed(next_id: EventId, claimed: bytes, deleted: Sequence[EventId]) -> bytes:
    """Encode what XAUTOCLAIM did: where to go on, what it claimed, what it found gone.

    *claimed* is encoded already, as events or ids.
    """
    return array([event_id(next_id), claimed, event_ids(deleted)])


# --- keys ----------------------------------------------------------------------------------------


def key_type(exists: bool) -> bytes:
    """Encode the reply to TYPE."""
    return b"+stream\r\n" if exists else b"+none\r\n"


def keys(names: Sequence[str]) -> bytes:
    """Encode the reply to KEYS."""
    return array([bulk(name.encode()) for name in names]) if names else EMPTY_ARRAY


def scanned(cursor: int, names: Sequence[str]) -> bytes:
    """Encode the reply to SCAN: the cursor to go on with, and names."""
    return array([bulk(b"%d" % cursor), keys(names)])
