"""The events of one stream, as the store in memory keeps them."""

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterable

from penstock.jobs.events.model import Event, EventId, StreamRecord
from penstock.jobs.store.event_port import EventTrim, RangeQuestion


class MemoryStream:
    """Keep events by id, and the ids in order."""

    def __init__(self, record: StreamRecord) -> None:
        self.record = record
        self._by_id: dict[EventId, Event] = {}
        self._ids: list[EventId] = []

    @property
    def length(self) -> int:
        return len(self._ids)

    @property
    def first_id(self) -> EventId | None:
        return self._ids[0] if self._ids else None

    @property
    def last_event_id(self) -> EventId | None:
        return self._ids[-1] if self._ids else None

    def append(self, event: Event) -> None:
        assert event.id not in self._by_id, "an id is given once"
        insort(self._ids, event.id)
        self._by_id[event.id] = event

    def find(self, ids: Iterable[EventId]) -> dict[EventId, Event]:
        return {event_id: self._by_id[event_id] for event_id in ids if event_id in self._by_id}

    def read(self, question: RangeQuestion) -> list[Event]:
        """Answer a range question."""
        start = bisect_left(self._ids, question.first)
        end = bisect_right(self._ids, question.last)
        places = range(start, end)
        found: list[Event] = []
        size = 0
        for place in reversed(places) if question.backwards else places:
            if len(found) == question.events_max or (found and size >= question.bytes_max):
                break
            event = self._by_id[self._ids[place]]
            found.append(event)
            size += event.size
        return found

    def to_trim(self, trim: EventTrim) -> tuple[list[EventId], bool]:
        """Return what a trim removes, and whether there is more that it may not remove."""
        ids = self._ids
        count = max(trim.count, bisect_left(ids, trim.before))
        count = min(count, len(ids), bisect_left(ids, trim.floor))
        return ids[: min(count, trim.events_max)], count > trim.events_max

    def remove(self, ids: Iterable[EventId]) -> list[EventId]:
        """Remove events; return the ids that there were, each once."""
        removed = [event_id for event_id in ids if self._by_id.pop(event_id, None) is not None]
        if removed == self._ids[: len(removed)]:
            del self._ids[: len(removed)]
        else:
            self._ids = [event_id for event_id in self._ids if event_id in self._by_id]
        return removed
