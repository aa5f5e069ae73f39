"""The store in memory, for those who only ask it about events and do not wait."""

from collections.abc import Coroutine
from typing import Any, TypeVar

from penstock.jobs.events.model import (
    ID_MAX,
    ID_MIN,
    ConsumerRecord,
    Event,
    EventId,
    GroupName,
    GroupRecord,
    PendingEvent,
    StreamName,
    StreamRecord,
)
from penstock.jobs.model import Instant
from penstock.jobs.store.event_port import EventAnswers, EventSnapshot, EventWrites, RangeQuestion
from penstock.jobs.store.memory import MemoryStore
from penstock.jobs.store.memory_events import MemoryGroup
from penstock.jobs.store.port import Batch

T = TypeVar("T")


class Shelf:
    """Keeps events for as long as this object lives."""

    def __init__(self) -> None:
        self._store = MemoryStore()
        self._kept = self._store._events

    def snapshot(self) -> EventSnapshot:
        return _at_once(self._store.load()).events

    def commit(self, writes: EventWrites, now: Instant) -> EventAnswers:
        return _at_once(self._store.commit(Batch(now=now, events=writes))).events

    @property
    def names(self) -> list[StreamName]:
        return list(self._kept.numbers)

    def record(self, name: StreamName) -> StreamRecord:
        return self._kept.streams[self._kept.numbers[name]].record

    def events(self, name: StreamName) -> list[Event]:
        stream = self._kept.streams[self._kept.numbers[name]]
        return stream.read(RangeQuestion(stream.record.number, ID_MIN, ID_MAX, 1 << 30, 1 << 60))

    def ids(self, name: StreamName) -> list[EventId]:
        return [event.id for event in self.events(name)]

    def group(self, stream: StreamName, name: GroupName) -> GroupRecord:
        return self._group(stream, name).record

    def consumers(self, stream: StreamName, group: GroupName) -> list[ConsumerRecord]:
        return list(self._group(stream, group).consumers.values())

    def pending(self, stream: StreamName, group: GroupName) -> list[PendingEvent]:
        return [entry for _, entry in sorted(self._group(stream, group).pending.items())]

    def _group(self, stream: StreamName, name: GroupName) -> MemoryGroup:
        number = self._kept.numbers[stream]
        [found] = [
            group
            for group in self._kept.groups.values()
            if (group.record.stream, group.record.name) == (number, name)
        ]
        return found


def _at_once(call: Coroutine[Any, Any, T]) -> T:
    """Return what is answered without waiting for anything."""
    try:
        call.send(None)
    except StopIteration as answer:
        value: T = answer.value
        return value
    raise AssertionError("the store in memory waits for nothing")
