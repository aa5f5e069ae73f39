"""Streams and groups as anybody would write them down who had all the memory and all the time."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import TypeAlias

from penstock.jobs.events.model import (
    ID_MIN,
    ConsumerName,
    Event,
    EventId,
    GroupName,
    PendingEvent,
    StreamName,
)

GroupKey: TypeAlias = tuple[StreamName, GroupName]


@dataclass
class ModelGroup:
    """A group; `given` has what it was given as new since its cursor was set."""

    cursor: EventId
    is_lossy: bool = False
    pending: dict[EventId, PendingEvent] = field(default_factory=dict)
    consumers: set[ConsumerName] = field(default_factory=set)
    handled: set[str] = field(default_factory=set)
    given: list[EventId] = field(default_factory=list)

    def copy(self) -> "ModelGroup":
        return replace(
            self,
            pending=dict(self.pending),
            consumers=set(self.consumers),
            handled=set(self.handled),
            given=list(self.given),
        )

    @property
    def needs_from(self) -> EventId:
        """The first event that no trim may take from it."""
        after_cursor = (self.cursor[0], self.cursor[1] + 1)
        return min((*self.pending, after_cursor))

    def first_pending(self, first: EventId, consumer: ConsumerName | None = None) -> list[EventId]:
        return [
            event_id
            for event_id, entry in sorted(self.pending.items())
            if event_id >= first and consumer in (None, entry.consumer)
        ]


@dataclass
class ModelStream:
    """A stream; `ever` has all that it was ever given, `doomed` what trims may take."""

    last_id: EventId = ID_MIN
    max_deleted_id: EventId = ID_MIN
    length_max: int | None = None
    events: dict[EventId, Event] = field(default_factory=dict)
    ever: list[EventId] = field(default_factory=list)
    doomed: set[EventId] = field(default_factory=set)
    groups: dict[GroupName, ModelGroup] = field(default_factory=dict)
    published: dict[str, EventId] = field(default_factory=dict)

    def copy(self) -> "ModelStream":
        return replace(
            self,
            events=dict(self.events),
            ever=list(self.ever),
            doomed=set(self.doomed),
            groups={name: group.copy() for name, group in self.groups.items()},
            published=dict(self.published),
        )

    def append(self, event: Event) -> None:
        assert event.id > self.last_id, "ids grow"
        self.ever.append(event.id)
        assert event.offset == len(self.ever), "offsets have no gap"
        self.events[event.id] = event
        self.last_id = event.id

    def after(self, event_id: EventId) -> list[EventId]:
        return [found for found in self.events if found > event_id]

    def doom(self, length_max: int | None, before: EventId | None) -> None:
        """Let trims take what a wish names."""
        ids = sorted(self.events)
        if length_max is not None:
            self.doomed.update(ids[: max(0, len(ids) - length_max)])
        if before is not None:
            self.doomed.update(event_id for event_id in ids if event_id < before)

    def set_last_id(self, last_id: EventId) -> None:
        """Begin again after an id; what was given of the ids after it is another's."""
        self.last_id = last_id
        self.doomed = {event_id for event_id in self.doomed if event_id <= last_id}
        for group in self.groups.values():
            group.given = [event_id for event_id in group.given if event_id <= last_id]

    @property
    def floor(self) -> EventId | None:
        """The first event that no trim may take."""
        return min((g.needs_from for g in self.groups.values() if not g.is_lossy), default=None)


@dataclass
class Model:
    """All streams."""

    streams: dict[StreamName, ModelStream] = field(default_factory=dict)

    def copy(self) -> "Model":
        return Model({name: stream.copy() for name, stream in self.streams.items()})

    def stream(self, name: StreamName) -> ModelStream:
        """Return a stream, which is made if it is not there."""
        return self.streams.setdefault(name, ModelStream())

    def group(self, stream: StreamName, group: GroupName) -> ModelGroup | None:
        found = self.streams.get(stream)
        return None if found is None else found.groups.get(group)

    def groups(self) -> Iterator[ModelGroup]:
        for stream in self.streams.values():
            yield from stream.groups.values()

    @property
    def pending_count(self) -> int:
        return sum(len(group.pending) for group in self.groups())
