"""Those who wait for events: reads of streams, and reads of groups, which are served in turn."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TypeAlias

from msgspec import Struct

from penstock.jobs.counters import EventCounters
from penstock.jobs.errors import Overloaded, Refused
from penstock.jobs.events.ids import Last, New
from penstock.jobs.events.model import ConsumerName, Event, EventId, GroupName, StreamName
from penstock.jobs.events.recent import after_id
from penstock.jobs.model import Instant
from penstock.jobs.timers import Timer, Timers

Readings: TypeAlias = Mapping[StreamName, Sequence[Event]]


class Reader:
    """A read that waits for events. `token` is whatever the caller wants to know it by.

    Without a *group* it wants what comes after an id of each stream; with one, as a *consumer*,
    what no other was given. `block_ms` 0 is for ever.
    """

    __slots__ = (
        "after",
        "block_ms",
        "consumer",
        "events_max",
        "group",
        "has_gone",
        "is_parked",
        "no_ack",
        "number",
        "streams",
        "timer",
        "token",
        "until",
    )

    def __init__(
        self,
        *,
        streams: Sequence[tuple[StreamName, EventId | Last | New]],
        events_max: int | None,
        block_ms: int,
        token: object,
        group: GroupName | None = None,
        consumer: ConsumerName | None = None,
        no_ack: bool = False,
    ) -> None:
        assert (group is None) == (consumer is None)
        self.streams = tuple(streams)
        self.events_max = events_max
        self.block_ms = block_ms
        self.token = token
        self.group = group
        self.consumer = consumer
        self.no_ack = no_ack
        self.after: dict[StreamName, EventId] = {}
        self.number = 0  # Who came first has the smaller one.
        self.until: Instant | None = None
        self.timer: Timer[Reader] | None = None
        self.is_parked = False
        self.has_gone = False  # While it was being served.


class Served(Struct, frozen=True, gc=False):
    """Answer a reader: with events, with nothing if its wait ended, or with why it is in vain."""

    reader: Reader
    readings: Readings | Refused | None


class Readers:
    """All who wait, by what they wait for, and the ends of their waits."""

    __slots__ = (
        "_by_group",
        "_by_stream",
        "_counters",
        "_number",
        "_readers_max",
        "_timers",
        "count",
        "starved",
        "waking",
    )

    def __init__(self, readers_max: int, counters: EventCounters) -> None:
        self._readers_max = readers_max
        self._counters = counters
        # Readers in the order they came; a dict is an ordered set.
        self._by_stream: dict[StreamName, dict[Reader, None]] = {}
        self._by_group: dict[StreamName, dict[GroupName, dict[Reader, None]]] = {}
        self._timers: Timers[Reader] = Timers()
        self._number = 0
        self.count = 0
        # Groups with readers for whom there may be something, that no append has to tell.
        self.waking: dict[tuple[StreamName, GroupName], None] = {}
        # Groups with readers for whom there is something, of which no more may be pending.
        self.starved: dict[tuple[StreamName, GroupName], None] = {}

    def park(self, reader: Reader, now: Instant) -> None:
        """Let a reader wait; its time begins to run with `start`. Raises Overloaded."""
        assert not reader.is_parked
        if self.count >= self._readers_max:
            raise Overloaded("reads that wait for events", self._readers_max)
        self._number += 1
        reader.number = self._number
        if reader.block_ms:
            reader.until = Instant(now + reader.block_ms)
        self._add(reader)

    def start(self, reader: Reader) -> None:
        """Let a wait end when its time is over, if it has not ended already."""
        if reader.is_parked and reader.until is not None and reader.timer is None:
            reader.timer = self._timers.add(reader.until, reader)

    def unpark(self, reader: Reader) -> bool:
        """Forget a reader; say whether it was waiting."""
        if not reader.is_parked:
            reader.has_gone = True
            return False
        reader.is_parked = False
        self.count -= 1
        for queue in self._queues(reader):
            queue.pop(reader, None)
        self._tidy(reader)
        if reader.timer is not None:
            reader.until = reader.timer.at
            self._timers.cancel(reader.timer)
            reader.timer = None
        return True

    def put_back(self, readers: Sequence[Reader]) -> list[Served]:
        """Park readers again, in their old places; answer those that have gone meanwhile."""
        gone = [Served(reader, None) for reader in readers if reader.has_gone]
        for reader in readers:
            if reader.has_gone:
                continue
            self._add(reader)
            for queue in self._queues(reader):
                ordered = sorted(queue, key=lambda waiting: waiting.number)
                queue.clear()
                queue.update(dict.fromkeys(ordered))
            self.start(reader)
        return gone

    def first_of(self, stream: StreamName, group: GroupName) -> Reader | None:
        """Return the reader of a group that is served next."""
        queue = self._by_group.get(stream, {}).get(group)
        return next(iter(queue)) if queue else None

    def groups_of(self, stream: StreamName) -> list[GroupName]:
        """Return the groups of a stream that have readers."""
        return list(self._by_group.get(stream, ()))

    def readers_of(self, stream: StreamName, group: GroupName) -> list[Reader]:
        return list(self._by_group.get(stream, {}).get(group, ()))

    def wake(self, stream: StreamName, events: Sequence[Event]) -> Iterator[Served]:
        """Serve all who wait for new events of a stream, in one pass.

        Those who get the same events get the same object.
        """
        queue = self._by_stream.get(stream)
        if not queue:
            return
        shared: dict[tuple[int, int | None], Readings] = {}
        for reader in list(queue):
            at = after_id(events, reader.after[stream])
            if at == len(events):
                continue
            readings = shared.get((at, reader.events_max))
            if readings is None:
                end = None if reader.events_max is None else at + reader.events_max
                readings = {stream: events[at:end]}
                shared[at, reader.events_max] = readings
            self.unpark(reader)
            self._counters.delivered += len(readings[stream])
            yield Served(reader, readings)

    def refuse(self, stream: StreamName, group: GroupName, why: Refused) -> list[Served]:
        """End the reads of a group that is no more."""
        readers = self.readers_of(stream, group)
        for reader in readers:
            self.unpark(reader)
        return [Served(reader, why) for reader in readers]

    def pop_due(self, now: Instant) -> Iterator[Reader]:
        """Take out all whose wait ends at or before *now*."""
        for reader in self._timers.pop_due(now):
            reader.timer = None
            self.unpark(reader)
            yield reader

    def pop_all(self) -> list[Reader]:
        """Take out everybody."""
        readers = {reader: None for queue in self._by_stream.values() for reader in queue}
        for groups in self._by_group.values():
            for queue in groups.values():
                readers |= queue
        for reader in readers:
            self.unpark(reader)
        return list(readers)

    def next_at(self) -> Instant | None:
        return self._timers.next_at()

    def shift(self, step_ms: int) -> None:
        """Move the ends of all waits, as the clock was moved."""
        self._timers.shift(step_ms)

    def _add(self, reader: Reader) -> None:
        reader.is_parked = True
        self.count += 1
        for name, _ in reader.streams:
            if reader.group is None:
                self._by_stream.setdefault(name, {})[reader] = None
            else:
                groups = self._by_group.setdefault(name, {})
                groups.setdefault(reader.group, {})[reader] = None

    def _queues(self, reader: Reader) -> Iterator[dict[Reader, None]]:
        for name, _ in reader.streams:
            if reader.group is None:
                yield self._by_stream[name]
            else:
                yield self._by_group[name][reader.group]

    def _tidy(self, reader: Reader) -> None:
        """Forget queues that are empty."""
        for name, _ in reader.streams:
            if reader.group is None:
                if not self._by_stream.get(name, True):
                    del self._by_stream[name]
                continue
            groups = self._by_group.get(name)
            if groups is not None and not groups.get(reader.group, True):
                del groups[reader.group]
                if not groups:
                    del self._by_group[name]
