"""The ids of events, as Redis writes them: `milliseconds-sequence`, each a whole number."""

from typing import Final, TypeAlias

from penstock.protocol.errors import ArgumentError
from penstock.protocol.values import INTEGER_MAX, refused

EventId: TypeAlias = tuple[int, int]

ID_MIN: Final[EventId] = (0, 0)
ID_MAX: Final[EventId] = (INTEGER_MAX, INTEGER_MAX)

# Redis reads ids of this length at most; leading zeros are among it.
_BYTES_MAX: Final = 127
# Redis' largest part. What is beyond ours stands for the largest where an id is a bound.
_PART_MAX: Final = 2**64 - 1


def format_id(event_id: EventId) -> bytes:
    """Write an id as it is sent."""
    return b"%d-%d" % event_id


def parse_id(raw: bytes, sequence: int = 0) -> EventId | None:
    """Read `milliseconds` or `milliseconds-sequence`; None for what is no id of Redis.

    *sequence* is for an id without one.
    """
    first, dash, second = raw.partition(b"-")
    if not first.isdigit() or (dash and not second.isdigit()) or len(raw) > _BYTES_MAX:
        return None
    event_id = int(first), int(second) if dash else sequence
    return event_id if max(event_id) <= _PART_MAX else None


def read_id(raw: bytes) -> EventId:
    """Read the id of an event that there may be."""
    event_id = parse_id(raw)
    if event_id is None or max(event_id) > INTEGER_MAX:
        raise invalid_id()
    return event_id


def read_new_id(raw: bytes) -> EventId | int | None:
    """Read what XADD takes: an id, milliseconds for `ms-*`, or None for `*`."""
    if raw == b"*":
        return None
    if raw.endswith(b"-*") and raw.count(b"-") == 1:
        return read_id(raw[:-2])[0]
    return read_id(raw)


def read_position(raw: bytes, sequence: int = 0) -> EventId:
    """Read an id from which one goes on; it may be larger than any event's."""
    event_id = parse_id(raw, sequence)
    if event_id is None:
        raise invalid_id()
    ms, sequence = event_id
    return (ms, min(sequence, INTEGER_MAX)) if ms <= INTEGER_MAX else ID_MAX


def read_first(raw: bytes) -> EventId:
    """Read where a range begins; `-` is before all events, and `(` leaves the id itself out."""
    if len(raw) > 1 and raw.startswith(b"("):
        ms, sequence = read_position(raw[1:])
        if sequence < INTEGER_MAX:
            return ms, sequence + 1
        if ms < INTEGER_MAX:
            return ms + 1, 0
        raise refused("invalid start ID for the interval")
    return read_end(raw, 0)


def read_last(raw: bytes) -> EventId:
    """Read where a range ends; `+` is after all events, and `(` leaves the id itself out."""
    if len(raw) > 1 and raw.startswith(b"("):
        ms, sequence = read_position(raw[1:], INTEGER_MAX)
        if sequence > 0:
            return ms, sequence - 1
        if ms > 0:
            return ms - 1, INTEGER_MAX
        raise refused("invalid end ID for the interval")
    return read_end(raw, INTEGER_MAX)


def read_end(raw: bytes, sequence: int = 0) -> EventId:
    """Read a position, or `-` for before all events and `+` for after all."""
    if raw == b"-":
        return ID_MIN
    if raw == b"+":
        return ID_MAX
    return read_position(raw, sequence)


def invalid_id() -> ArgumentError:
    """Make the error for what is no id, in Redis' words."""
    return refused("Invalid stream ID specified as stream command argument")
