"""A turn of an event log and a broker, as far as triggers see them."""

from collections.abc import Sequence

from penstock.jobs.errors import Refused
from penstock.jobs.events.errors import GroupExists, NoGroup, NoStreamForGroup, Unsettled
from penstock.jobs.events.firing import Cursor, Fired, fire_all, set_trigger
from penstock.jobs.events.ids import Last
from penstock.jobs.events.model import ID_MIN, Event, EventId, GroupName, StreamName
from penstock.jobs.events.triggers import Trigger
from penstock.jobs.events.undo import UndoLog
from penstock.jobs.events.watches import Tally, Triggers
from penstock.jobs.model import Instant, TaskName
from penstock.jobs.policy import SubmitRequest
from penstock.jobs.store.event_port import EventWrites

NOW = Instant(1_000_000)
ORDERS = StreamName("orders")


def a_trigger(name: str = "ship", stream: StreamName = ORDERS) -> Trigger:
    return Trigger(name, stream, TaskName("work"))


class Stage:
    """Streams are lists, groups are positions in them; jobs are remembered."""

    def __init__(self, *, triggers_max: int = 10) -> None:
        self.triggers = Triggers(triggers_max=triggers_max)
        self.streams: dict[StreamName, list[Event]] = {}
        self.cursors: dict[tuple[StreamName, GroupName], EventId] = {}
        self.stirred_streams: dict[StreamName, None] = {}
        self.writes = EventWrites()
        self.undo_log = UndoLog()
        self.requests: list[SubmitRequest] = []
        self.refusals: dict[int, Refused] = {}  # By how many were submitted before.
        self.unsettled: set[StreamName] = set()
        self.tells_life = False
        self.asked_counts: list[int] = []  # Of the events of each look.

    @property
    def looks_count(self) -> int:
        return len(self.asked_counts)

    # --- what tests do -------------------------------------------------------------------------

    def append(self, stream: StreamName, *fields: bytes) -> None:
        events = self.streams.setdefault(stream, [])
        offset = len(events) + 1
        events.append(Event((offset, 0), offset, fields))
        self.stirred_streams[stream] = None

    def set(self, trigger: Trigger, start: EventId | Last | Cursor | None = None) -> None:
        set_trigger(self, self.triggers, trigger, Cursor() if start is None else start)

    def fire(self, now: int = NOW) -> Fired:
        self.undo_log = UndoLog()
        fired = fire_all(self, self.triggers, self.submit, now=Instant(now))
        self.stirred_streams = {}
        return fired

    def tally(self, name: str = "ship") -> Tally:
        return self.triggers.watch(name).tally

    @property
    def keys(self) -> list[str]:
        """Of the jobs, without what they have in common."""
        return [(request.key or "").removeprefix("trigger:") for request in self.requests]

    def submit(self, request: SubmitRequest) -> None:
        refusal = self.refusals.pop(len(self.requests), None)
        if refusal is not None:
            raise refusal
        self.requests.append(request)
        if self.tells_life:
            assert request.wishes is not None
            producer = (request.wishes.producer or "").encode()
            self.append(StreamName(f"jobs:{request.queue}"), b"producer", producer)

    # --- the turn ------------------------------------------------------------------------------

    def upcoming(self, stream: StreamName, group: GroupName, events_max: int) -> Sequence[Event]:
        self.asked_counts.append(events_max)
        if stream in self.unsettled:
            raise Unsettled
        cursor = self._cursor(stream, group)
        return [event for event in self.streams[stream] if event.id > cursor][:events_max]

    def advance(self, stream: StreamName, group: GroupName, event_id: EventId, offset: int) -> None:
        assert event_id > self._cursor(stream, group)
        assert self.streams[stream][offset - 1].id == event_id
        self.cursors[stream, group] = event_id

    def create_group(
        self,
        stream: StreamName,
        group: GroupName,
        start: EventId | Last,
        *,
        makes_stream: bool = False,
    ) -> None:
        assert makes_stream
        if (stream, group) in self.cursors:
            raise GroupExists
        self.cursors[stream, group] = self._id(stream, start)

    def set_group_id(self, stream: StreamName, group: GroupName, start: EventId | Last) -> None:
        self.cursors[stream, group] = self._id(stream, start)

    def destroy_group(self, stream: StreamName, group: GroupName) -> bool:
        if stream not in self.streams:
            raise NoStreamForGroup
        return self.cursors.pop((stream, group), None) is not None

    def _cursor(self, stream: StreamName, group: GroupName) -> EventId:
        if (stream, group) not in self.cursors:
            raise NoGroup(stream, group)
        return self.cursors[stream, group]

    def _id(self, stream: StreamName, start: EventId | Last) -> EventId:
        events = self.streams.setdefault(stream, [])
        if not isinstance(start, Last):
            return start
        return events[-1].id if events else ID_MIN
