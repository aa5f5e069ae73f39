"""What an event is, and the values around it.

Names are Redis' own where clients see them: an event is an entry of a stream, its id is
`milliseconds-sequence`, a group remembers the id that it delivered last. The offset is ours: it
counts the events that a stream was ever given, so it is dense, and says how far a cursor is.
"""

from typing import Final, NewType, TypeAlias

from msgspec import Struct

from penstock.jobs.model import Instant

StreamName = NewType("StreamName", str)
GroupName = NewType("GroupName", str)
ConsumerName = NewType("ConsumerName", str)  # Of one group.
StreamNumber = NewType("StreamNumber", int)  # Given once; a stream that is made again gets another.
GroupNumber = NewType("GroupNumber", int)  # Likewise.

# Milliseconds and sequence; ids of one stream grow.
EventId: TypeAlias = tuple[int, int]
# Names and values, flat, in the order they were given; a name may come more than once.
Fields: TypeAlias = tuple[bytes, ...]

ID_MIN: Final[EventId] = (0, 0)
# What the store can hold. Redis goes to 2^64 - 1, which no clock reaches.
ID_PART_MAX: Final = 2**63 - 1
ID_MAX: Final[EventId] = (ID_PART_MAX, ID_PART_MAX)


class Event(Struct, frozen=True, gc=False):
    """One entry of a stream; `offset` is 1 for the first that the stream was ever given."""

    id: EventId
    offset: int
    fields: Fields

    @property
    def size(self) -> int:
        """Return the bytes of its fields."""
        return sum(map(len, self.fields))


class PendingEvent(Struct, frozen=True, gc=False):
    """An event that a consumer was given and has not acknowledged."""

    id: EventId
    consumer: ConsumerName
    delivered_at: Instant
    deliveries: int  # At least 1, but for those that XCLAIM set to less.


class StreamRecord(Struct, frozen=True, gc=False):
    """All that is known of a stream beside its events. How many there are is the store's to count.

    `added_count` is the offset of the last event. `length_max` and `age_ms_max` are what it is
    trimmed to in the background; None is no bound.
    """

    number: StreamNumber
    name: StreamName
    last_id: EventId = ID_MIN
    added_count: int = 0
    max_deleted_id: EventId = ID_MIN
    length_max: int | None = None
    age_ms_max: int | None = None


class GroupRecord(Struct, frozen=True, gc=False):
    """A consumer group and its cursor.

    `read_count` is the offset of the last event it delivered; None if that is not known, as after
    a cursor was set to an id that is no event's. Trimming passes the cursor only if `is_lossy`.
    """

    number: GroupNumber
    stream: StreamNumber
    name: GroupName
    last_delivered_id: EventId
    read_count: int | None = None
    is_lossy: bool = False


class ConsumerRecord(Struct, frozen=True, gc=False):
    """One consumer of a group; `active_at` is when it last was given events, None for never."""

    group: GroupNumber
    name: ConsumerName
    seen_at: Instant
    active_at: Instant | None = None
