"""Events that were delivered and not acknowledged, by id, for all consumers of a group."""

from bisect import bisect_left
from collections.abc import Iterator
from typing import Final

from penstock.jobs.events.model import ConsumerName, EventId, PendingEvent

_COMPACT_MIN: Final = 64


class IdOrder:
    """A set of ids in order, which can be entered anywhere.

    Ids come at the end, nearly always, and go from anywhere. What has gone is only marked, and
    cut out when it is more than half.
    """

    __slots__ = ("_front", "_ids", "_live")

    def __init__(self) -> None:
        self._ids: list[EventId] = []
        self._live: set[EventId] = set()
        self._front = 0  # Nothing before it lives.

    def __len__(self) -> int:
        return len(self._live)

    def add(self, event_id: EventId) -> None:
        live, ids = self._live, self._ids
        if event_id in live:
            return
        live.add(event_id)
        if not ids or event_id > ids[-1]:
            ids.append(event_id)
            return
        at = bisect_left(ids, event_id)
        if ids[at] != event_id:
            ids.insert(at, event_id)
        self._front = min(self._front, at)

    def discard(self, event_id: EventId) -> None:
        live, ids = self._live, self._ids
        live.discard(event_id)
        if len(ids) > 2 * len(live) + _COMPACT_MIN:
            self._ids = [event_id for event_id in ids if event_id in live]
            self._front = 0

    def first(self) -> EventId | None:
        live, ids = self._live, self._ids
        if not live:
            return None
        while ids[self._front] not in live:
            self._front += 1
        return ids[self._front]

    def last(self) -> EventId | None:
        live, ids = self._live, self._ids
        if not live:
            return None
        while ids[-1] not in live:
            ids.pop()
        return ids[-1]

    def since(self, first: EventId) -> Iterator[EventId]:
        """Iterate from an id on; nothing may be added or discarded meanwhile."""
        live, ids = self._live, self._ids
        for at in range(max(self._front, bisect_left(ids, first)), len(ids)):
            if ids[at] in live:
                yield ids[at]


class PendingTotal:
    """How many events are pending in all groups."""

    __slots__ = ("count",)

    def __init__(self) -> None:
        self.count = 0


class Pending:
    """The pending events of one group, and what they were before the turn that changes them."""

    __slots__ = ("_by_consumer", "_entries", "_is_counted", "_order", "_total", "before")

    def __init__(self, total: PendingTotal) -> None:
        self._total = total
        self._is_counted = True
        self._entries: dict[EventId, PendingEvent] = {}
        self._order = IdOrder()
        self._by_consumer: dict[ConsumerName, IdOrder] = {}
        # What the store has of those that were changed; None: nothing.
        self.before: dict[EventId, PendingEvent | None] = {}

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, event_id: EventId) -> PendingEvent | None:
        return self._entries.get(event_id)

    def first_id(self) -> EventId | None:
        return self._order.first()

    def last_id(self) -> EventId | None:
        return self._order.last()

    def count_of(self, consumer: ConsumerName) -> int:
        order = self._by_consumer.get(consumer)
        return 0 if order is None else len(order)

    def since(self, first: EventId, consumer: ConsumerName | None = None) -> Iterator[PendingEvent]:
        """Iterate from an id on, over those of one consumer or all; nothing changes meanwhile."""
        order = self._order if consumer is None else self._by_consumer.get(consumer)
        if order is None:
            return iter(())
        return map(self._entries.__getitem__, order.since(first))

    def load(self, entry: PendingEvent) -> None:
        """Take over what the store has."""
        self._set(entry.id, entry)

    def put(self, entry: PendingEvent) -> None:
        """Add an event, or give it to another consumer."""
        old = self._set(entry.id, entry)
        self.before.setdefault(entry.id, old)

    def remove(self, event_id: EventId) -> PendingEvent | None:
        """Take out an event; return it, if it was there."""
        old = self._entries.get(event_id)
        if old is not None:
            self.before.setdefault(event_id, old)
            self._set(event_id, None)
        return old

    def changes(self) -> Iterator[tuple[EventId, PendingEvent | None, PendingEvent | None]]:
        """Iterate over what was changed: its id, what it was, what it is."""
        entries = self._entries
        for event_id, before in self.before.items():
            yield event_id, before, entries.get(event_id)

    def keep(self) -> None:
        """What was changed is durable."""
        self.before.clear()

    def undo(self) -> None:
        """Take back what was changed."""
        for event_id, entry in self.before.items():
            self._set(event_id, entry)
        self.before.clear()

    def leave(self) -> None:
        """The group is dropped: count its events no more."""
        if self._is_counted:
            self._is_counted = False
            self._total.count -= len(self._entries)

    def come_back(self) -> None:
        if not self._is_counted:
            self._is_counted = True
            self._total.count += len(self._entries)

    def _set(self, event_id: EventId, entry: PendingEvent | None) -> PendingEvent | None:
        old = self._entries.get(event_id)
        if entry is None:
            if old is not None:
                del self._entries[event_id]
                self._order.discard(event_id)
                self._leave(old)
                self._total.count -= self._is_counted
            return old
        self._entries[event_id] = entry
        if old is None:
            self._order.add(event_id)
            self._total.count += self._is_counted
        elif old.consumer != entry.consumer:
            self._leave(old)
        else:
            return old
        order = self._by_consumer.get(entry.consumer)
        if order is None:
            order = self._by_consumer[entry.consumer] = IdOrder()
        order.add(event_id)
        return old

    def _leave(self, entry: PendingEvent) -> None:
        """Take an event out of those of its consumer."""
        order = self._by_consumer[entry.consumer]
        order.discard(entry.id)
        if not order:
            del self._by_consumer[entry.consumer]
