"""A consumer group: its cursor, its consumers, and what they were given."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from msgspec import Struct

from penstock.jobs.events.ids import successor
from penstock.jobs.events.model import (
    ID_MIN,
    ConsumerName,
    ConsumerRecord,
    Event,
    EventId,
    GroupName,
    GroupNumber,
    GroupRecord,
)
from penstock.jobs.events.pending import Pending, PendingTotal
from penstock.jobs.events.recent import after_id, bytes_of
from penstock.jobs.model import Instant

if TYPE_CHECKING:
    from penstock.jobs.events.stream import Stream


class GroupState(Struct, frozen=True, gc=False):
    """What of a group a turn may change, beside its pending events and its consumers."""

    last_delivered_id: EventId
    read_count: int | None
    is_lossy: bool


class Ahead:
    """The next events of a group that is too far behind for the window of its stream.

    All events after the id `after`, up to the id `through`, are in `events`.
    """

    __slots__ = ("after", "bytes_count", "events", "through")

    def __init__(self) -> None:
        self.after = ID_MIN
        self.through = ID_MIN
        self.events: list[Event] = []
        self.bytes_count = 0

    def take(self, cursor: EventId, after: EventId, events: Sequence[Event], to: EventId) -> None:
        """Take what was read after an id; what the cursor has passed is of no use any more."""
        if after == self.through and self.after <= cursor:
            del self.events[: after_id(self.events, cursor)]
            self.events += events
            self.after = cursor
        else:
            self.events = list(events)
            self.after = after
        self.through = to
        self.bytes_count = bytes_of(self.events)

    def remove(self, ids: frozenset[EventId]) -> None:
        self.events = [event for event in self.events if event.id not in ids]
        self.bytes_count = bytes_of(self.events)

    def cut(self, through: EventId) -> None:
        """Forget events up to an id, which are trimmed."""
        del self.events[: after_id(self.events, through)]
        self.bytes_count = bytes_of(self.events)

    def clear(self) -> None:
        self.events.clear()
        self.bytes_count = 0
        self.after = self.through = ID_MIN


class Group:
    """One group of one stream."""

    __slots__ = (
        "ahead",
        "before",
        "consumers",
        "consumers_before",
        "is_fetching",
        "is_lossy",
        "last_delivered_id",
        "name",
        "number",
        "pending",
        "read_count",
        "stream",
    )

    def __init__(self, record: GroupRecord, stream: "Stream", total: PendingTotal) -> None:
        self.number: GroupNumber = record.number
        self.name: GroupName = record.name
        self.stream = stream
        self.last_delivered_id = record.last_delivered_id
        self.read_count = record.read_count
        self.is_lossy = record.is_lossy
        self.pending = Pending(total)
        self.consumers: dict[ConsumerName, ConsumerRecord] = {}
        self.ahead = Ahead()
        # Of the turn that is open; None while it has changed nothing.
        self.before: GroupState | None = None
        self.consumers_before: dict[ConsumerName, ConsumerRecord | None] = {}
        self.is_fetching = False  # Its next events are being read.

    @property
    def needs_from(self) -> EventId:
        """The first event that it may still ask for."""
        first = self.pending.first_id()
        after_cursor = successor(self.last_delivered_id)
        return after_cursor if first is None else min(first, after_cursor)

    def record(self) -> GroupRecord:
        return GroupRecord(
            self.number,
            self.stream.number,
            self.name,
            self.last_delivered_id,
            self.read_count,
            self.is_lossy,
        )

    def put_consumer(self, record: ConsumerRecord) -> None:
        """Add a consumer, or change its record."""
        self.consumers_before.setdefault(record.name, self.consumers.get(record.name))
        self.consumers[record.name] = record

    def drop_consumer(self, name: ConsumerName) -> None:
        self.consumers_before.setdefault(name, self.consumers[name])
        del self.consumers[name]

    def seen(self, name: ConsumerName, now: Instant, *, is_active: bool) -> None:
        """Note that a consumer asked, and whether it was given something; make it if need be."""
        known = self.consumers.get(name)
        active_at = now if is_active else None if known is None else known.active_at
        self.put_consumer(ConsumerRecord(self.number, name, now, active_at))

    def state(self) -> GroupState:
        return GroupState(self.last_delivered_id, self.read_count, self.is_lossy)

    def keep(self) -> None:
        """What the turn changed is durable."""
        self.pending.keep()
        self.consumers_before.clear()
        self.before = None

    def undo(self) -> None:
        """Take back what the turn changed."""
        assert self.before is not None
        self.pending.undo()
        for name, record in self.consumers_before.items():
            if record is None:
                self.consumers.pop(name, None)
            else:
                self.consumers[name] = record
        self.consumers_before.clear()
        self.last_delivered_id = self.before.last_delivered_id
        self.read_count = self.before.read_count
        self.is_lossy = self.before.is_lossy
        self.before = None
