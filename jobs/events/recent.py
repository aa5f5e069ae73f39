"""The last events of a stream, in memory for readers that keep up."""

from bisect import bisect_left, bisect_right
from collections.abc import Collection, Sequence
from operator import attrgetter

from penstock.jobs.events.bounds import EventBounds
from penstock.jobs.events.model import ID_MIN, Event, EventId

id_of = attrgetter("id")


def from_id(events: Sequence[Event], first: EventId) -> int:
    """Return where events begin that are at or after an id."""
    return bisect_left(events, first, key=id_of)


def after_id(events: Sequence[Event], event_id: EventId) -> int:
    """Return where events begin that are after an id."""
    return bisect_right(events, event_id, key=id_of)


class Recent:
    """A window of the end of one stream.

    Invariant: all durable events of the stream after the id `after` are in `events`, in order.
    """

    __slots__ = ("after", "bytes_count", "events")

    def __init__(self, after: EventId = ID_MIN) -> None:
        self.after = after
        self.events: list[Event] = []
        self.bytes_count = 0

    def find(self, event_id: EventId) -> Event | None:
        """Return an event, if it is here."""
        events = self.events
        at = from_id(events, event_id)
        return events[at] if at < len(events) and events[at].id == event_id else None

    def extend(self, events: Sequence[Event], bounds: EventBounds) -> None:
        """Let new events in, the first ones out if they are too many; the last one always stays."""
        self.events += events
        self.bytes_count += bytes_of(events)
        self._shrink(bounds)

    def fill(self, events: Sequence[Event], after: EventId, bounds: EventBounds) -> None:
        """Take the last events of the stream, which are all there are after an id."""
        self.after = after
        self.events = list(events)
        self.bytes_count = bytes_of(events)
        self._shrink(bounds)

    def remove(self, ids: Collection[EventId]) -> None:
        """Forget events that are deleted."""
        if not self.events or not any(event_id >= self.events[0].id for event_id in ids):
            return
        removed = frozenset(ids)
        self.events = [event for event in self.events if event.id not in removed]
        self.bytes_count = bytes_of(self.events)

    def cut(self, through: EventId) -> None:
        """Forget events up to an id, this included: they are trimmed."""
        if through > self.after:
            self._drop(after_id(self.events, through))
            self.after = max(self.after, through)

    def clear(self) -> None:
        """Forget all events: what is known is that none comes after the last one."""
        if self.events:
            self.after = self.events[-1].id
            self.events.clear()
        self.bytes_count = 0

    def _shrink(self, bounds: EventBounds) -> None:
        count = max(0, len(self.events) - bounds.recent_events_max)
        bytes_count = self.bytes_count - bytes_of(self.events[:count])
        while bytes_count > bounds.recent_bytes_max and count < len(self.events) - 1:
            bytes_count -= self.events[count].size
            count += 1
        if count:
            self.after = self.events[count - 1].id
            self._drop(count)

    def _drop(self, count: int) -> None:
        self.bytes_count -= bytes_of(self.events[:count])
        del self.events[:count]


def bytes_of(events: Sequence[Event]) -> int:
    """Return the bytes of the fields of events."""
    return sum([sum(map(len, event.fields)) for event in events])
