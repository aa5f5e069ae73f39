"""The event log: streams, groups and their readers; decided turn by turn, in memory, without I/O.

Unlike a job's, a request about events is decided when the batch is built that will hold it. There
is one batch at a time, so what a turn sees is what is durable, with what was decided before in the
same turn. A turn is begun, asked, finished, written, and then applied; or undone, if it was not
written.
"""

from collections.abc import Callable, Mapping
from typing import Final, Protocol, TypeAlias

from msgspec import Struct

from penstock.config.limits import SWEEP_EVERY_MS
from penstock.jobs.counters import EventCounters
from penstock.jobs.errors import Refused
from penstock.jobs.events import settling
from penstock.jobs.events.bounds import EventBounds
from penstock.jobs.events.draft import Later
from penstock.jobs.events.group import Group
from penstock.jobs.events.model import GroupName, StreamName
from penstock.jobs.events.readers import Reader, Readers, Served
from penstock.jobs.events.retention import overdue
from penstock.jobs.events.stream import Stream
from penstock.jobs.events.streams import Streams
from penstock.jobs.events.turn import Turn
from penstock.jobs.model import Instant
from penstock.jobs.store.event_port import EventAnswers, EventSnapshot
from penstock.jobs.store.port import StoreError

__all__ = ["EventLog", "EventRequest", "Later", "Reader", "Served", "Settle", "Turn"]

# Called once what was decided is durable, with what the store answered.
Settle: TypeAlias = Callable[[EventAnswers], None]

TRIGGER_PREFIX: Final = "trigger:"  # Of the names of groups that are the cursors of triggers.
_BOUNDS: Final = EventBounds()


class EventRequest(Protocol):
    """A request about events, until a batch is built."""

    @property
    def streams(self) -> tuple[StreamName, ...]:
        """The streams that it names: who names one of them later is decided later."""
        ...

    def decide(self, turn: Turn) -> Settle | None:
        """Decide it; return what is to be called when the batch is durable.

        None if the request waits as a reader.

        Raises:
            Refused, Unsettled: nothing was changed.
        """
        ...

    def fail(self, problem: Refused | StoreError) -> None:
        """Take note that nothing came of it, or that nobody knows."""
        ...


class Request(Struct, eq=False):
    """A request that is made of two functions."""

    streams: tuple[StreamName, ...]
    decide: Callable[[Turn], Settle | None]
    fail: Callable[[Refused | StoreError], None]


class EventLog:
    """All streams of one server, as far as memory holds them."""

    def __init__(self, snapshot: EventSnapshot, bounds: EventBounds = _BOUNDS) -> None:
        self._bounds = bounds
        self._streams = Streams(snapshot, bounds)
        self._readers = Readers(bounds.readers_max, self._streams.counters)
        self._served: list[Served] = []
        self._turn: Turn | None = None

    # --- turns ---------------------------------------------------------------------------------

    def begin(self, now: Instant) -> Turn:
        """Begin the one turn that there is at a time."""
        assert self._turn is None
        self._turn = Turn(self._streams, self._readers, self._bounds, now)
        return self._turn

    def applied(self, turn: Turn, answers: EventAnswers) -> None:
        """Take over what is durable; who was waiting for it is served."""
        assert turn is self._turn
        self._turn = None
        self._served += settling.apply(turn, answers)

    def undone(self, turn: Turn) -> None:
        """Put everything back as it was before the turn, which was not written.

        Readers that were parked in it stay parked.
        """
        assert turn is self._turn
        self._turn = None
        self._served += settling.undo(turn)

    def announce(self, stream: StreamName, key: str) -> None:
        """Have the store asked about a key before a request to publish under it is decided."""
        self._streams.publications.want(stream, key)

    @property
    def wants_turn(self) -> bool:
        """Say whether there is something to do that nobody asks for."""
        streams = self._streams
        if self._readers.waking or streams.trimming or streams.overdue or streams.is_sweeping:
            return True
        return any(self._has_trigger(name) for name in streams.stirred)

    def _has_trigger(self, name: StreamName) -> bool:
        stream = self._streams.by_name.get(name)
        return stream is not None and any(map(_is_triggers, stream.groups))

    def housekeep(self, now: Instant) -> None:
        """Note which streams have more than they are to keep, and what may be swept."""
        for stream in self._streams.by_name.values():
            if overdue(stream, now) is not None:
                self._streams.overdue[stream.number] = stream
        if self._streams.by_name and now >= self._streams.next_sweep_at:
            self._streams.is_sweeping = True
            self._streams.next_sweep_at = Instant(now + SWEEP_EVERY_MS)

    # --- readers -------------------------------------------------------------------------------

    def unpark(self, reader: Reader) -> bool:
        """Forget a reader whose caller has gone, or answers it; say whether it was waiting."""
        return self._readers.unpark(reader)

    def tick(self, now: Instant) -> None:
        """End the waits whose time is over."""
        self._served += [Served(reader, None) for reader in self._readers.pop_due(now)]

    def next_at(self) -> Instant | None:
        """Return when `tick` has something to do next."""
        return self._readers.next_at()

    def clock_stepped(self, step_ms: int) -> None:
        """Let waits last as long as they were to, though the clock was moved."""
        self._readers.shift(step_ms)

    def end_reads(self) -> None:
        """End all waits: the server leaves."""
        self._served += [Served(reader, None) for reader in self._readers.pop_all()]

    def take_served(self) -> list[Served]:
        """Take out the readers that are to be answered."""
        served, self._served = self._served, []
        return served

    @property
    def reader_count(self) -> int:
        return self._readers.count

    # --- looking -------------------------------------------------------------------------------

    @property
    def streams(self) -> Mapping[StreamName, Stream]:
        return self._streams.by_name

    def group(self, stream: StreamName, name: GroupName) -> Group | None:
        found = self._streams.by_name.get(stream)
        return None if found is None else found.groups.get(name)

    @property
    def counters(self) -> EventCounters:
        return self._streams.counters

    @property
    def pending_count(self) -> int:
        """How many events are pending in all groups."""
        return self._streams.pending.count


def _is_triggers(group: GroupName) -> bool:
    return group.startswith(TRIGGER_PREFIX)
