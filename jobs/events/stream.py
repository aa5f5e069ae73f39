"""One stream: its record, its groups, the end of it, and what the turn that is open does to it."""

from collections.abc import Sequence
from typing import Final

from msgspec import Struct

from penstock.jobs.events.group import Group
from penstock.jobs.events.model import (
    ID_MIN,
    Event,
    EventId,
    GroupName,
    StreamName,
    StreamRecord,
)
from penstock.jobs.events.recent import Recent, after_id, from_id
from penstock.jobs.events.trimming import Trim

LIFE_PREFIX: Final = "jobs:"  # Of streams that tell of the life of jobs.
ALL_JOBS: Final = StreamName("jobs:*")


class StreamState(Struct, frozen=True, gc=False):
    """What of a stream a turn may change."""

    last_id: EventId
    added_count: int
    max_deleted_id: EventId
    length_max: int | None
    age_ms_max: int | None
    length: int
    first_id: EventId | None
    trim: Trim | None


class Stream:
    """A stream as it is durable, with what the open turn has decided about it.

    The window `recent` and what was `picked` are as of the last commit; `appended` is the turn's.
    """

    __slots__ = (
        "added_count",
        "age_ms_max",
        "appended",
        "before",
        "first_id",
        "groups",
        "is_asked",
        "is_deleting",
        "is_filling",
        "is_life",
        "is_trim_alone",
        "is_trimmed",
        "last_id",
        "length",
        "length_max",
        "max_deleted_id",
        "name",
        "number",
        "picked",
        "recent",
        "trim",
    )

    def __init__(self, record: StreamRecord, length: int = 0, first_id: EventId | None = None):
        self.number = record.number
        self.name = record.name
        self.is_life = record.name.startswith(LIFE_PREFIX)
        self.last_id = record.last_id
        self.added_count = record.added_count
        self.max_deleted_id = record.max_deleted_id
        self.length_max = record.length_max
        self.age_ms_max = record.age_ms_max
        self.length = length
        self.first_id = first_id
        self.groups: dict[GroupName, Group] = {}
        self.recent = Recent(record.last_id if length else ID_MIN)
        # Single events that were read for a request, for the next turn; None: there is none.
        self.picked: dict[EventId, Event | None] = {}
        self.trim: Trim | None = None  # What is still to be removed.
        # Of the turn that is open.
        self.before: StreamState | None = None  # None while it has changed nothing.
        self.appended: list[Event] = []
        self.is_deleting = False
        self.is_trimmed = False
        self.is_trim_alone = False  # Somebody is to be told how much was trimmed.
        self.is_asked = False  # A reply is read from the store, which nothing may change any more.
        self.is_filling = False

    @property
    def is_unsettled(self) -> bool:
        """Say whether events are being removed: how many, the store will tell."""
        return self.is_trimmed or self.is_deleting

    @property
    def last_event_id(self) -> EventId | None:
        """The last event that there is, which may be before `last_id`; None: none, or not known."""
        if self.appended:
            return self.appended[-1].id
        return self.recent.events[-1].id if self.recent.events else None

    @property
    def is_cold(self) -> bool:
        """Say whether its last event is not known."""
        return bool(self.length) and not self.appended and not self.recent.events

    def record(self) -> StreamRecord:
        return StreamRecord(
            self.number,
            self.name,
            self.last_id,
            self.added_count,
            self.max_deleted_id,
            self.length_max,
            self.age_ms_max,
        )

    def after(self, event_id: EventId, events_max: int) -> Sequence[Event] | None:
        """Return the first events after an id; None if memory does not reach back so far."""
        recent, appended = self.recent, self.appended
        if event_id < recent.after:
            return None
        if not appended:
            at = after_id(recent.events, event_id)
            return recent.events[at : at + events_max]
        if event_id < appended[0].id:
            at = after_id(recent.events, event_id)
            events = recent.events[at : at + events_max]
            return events + appended[: events_max - len(events)]
        at = after_id(appended, event_id)
        return appended[at : at + events_max]

    def find(self, event_id: EventId) -> Event | None:
        """Return an event; None if there is none.

        Raises:
            KeyError: memory does not know.
        """
        if self.appended and event_id >= self.appended[0].id:
            at = from_id(self.appended, event_id)
            found = self.appended[at] if at < len(self.appended) else None
            return found if found is not None and found.id == event_id else None
        if event_id > self.recent.after:
            return self.recent.find(event_id)
        if self.first_id is None or event_id < self.first_id:
            return None
        return self.picked[event_id]

    def state(self) -> StreamState:
        return StreamState(
            self.last_id,
            self.added_count,
            self.max_deleted_id,
            self.length_max,
            self.age_ms_max,
            self.length,
            self.first_id,
            self.trim,
        )

    def undo(self) -> None:
        """Take back what the turn changed."""
        before = self.before
        assert before is not None
        self.last_id = before.last_id
        self.added_count = before.added_count
        self.max_deleted_id = before.max_deleted_id
        self.length_max = before.length_max
        self.age_ms_max = before.age_ms_max
        self.length = before.length
        self.first_id = before.first_id
        self.trim = before.trim
        self.end_turn()

    def end_turn(self) -> None:
        """Forget what the turn decided: it is durable, or taken back."""
        self.before = None
        if self.appended:
            self.appended = []
        self.is_deleting = False
        self.is_trimmed = False
        self.is_trim_alone = False
        self.is_asked = False
        self.is_filling = False
