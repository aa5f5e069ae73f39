"""All streams of one server, by name and by number."""

from collections.abc import Sequence

from penstock.jobs.counters import EventCounters
from penstock.jobs.errors import Overloaded
from penstock.jobs.events.bounds import EventBounds
from penstock.jobs.events.budget import Budget
from penstock.jobs.events.group import Group
from penstock.jobs.events.model import (
    EventId,
    GroupName,
    GroupNumber,
    GroupRecord,
    StreamName,
    StreamNumber,
    StreamRecord,
)
from penstock.jobs.events.pending import PendingTotal
from penstock.jobs.events.publications import Publications
from penstock.jobs.events.stream import Stream
from penstock.jobs.model import Instant
from penstock.jobs.store.event_port import EventSnapshot


class Streams:
    """Every stream with its groups. Numbers are given once, also those that came to nothing."""

    __slots__ = (
        "_bounds",
        "_next_group",
        "_next_stream",
        "aheads",
        "by_name",
        "by_number",
        "counters",
        "is_sweeping",
        "next_sweep_at",
        "overdue",
        "pending",
        "picked",
        "publications",
        "recents",
        "stirred",
        "trimming",
    )

    def __init__(self, snapshot: EventSnapshot, bounds: EventBounds) -> None:
        self._bounds = bounds
        self._next_stream = int(snapshot.next_stream)
        self._next_group = int(snapshot.next_group)
        self.by_name: dict[StreamName, Stream] = {}
        self.by_number: dict[StreamNumber, Stream] = {}
        self.pending = PendingTotal()
        self.counters = EventCounters()
        self.recents = Budget(bounds.recent_total_bytes_max)
        self.aheads = Budget(bounds.ahead_total_bytes_max)
        self.publications = Publications()
        self.picked: dict[Stream, None] = {}  # Streams that have picked events.
        # What is to be done with the next turns: streams of which events are still to be removed,
        # that have more than they are to keep, and that were given events by the store itself.
        self.trimming: dict[StreamNumber, Stream] = {}
        self.overdue: dict[StreamNumber, Stream] = {}
        self.stirred: dict[StreamName, None] = {}
        self.is_sweeping = snapshot.has_sweepings
        self.next_sweep_at = Instant(0)
        self._restore(snapshot)

    def _restore(self, snapshot: EventSnapshot) -> None:
        groups: dict[GroupNumber, Group] = {}
        for kept in snapshot.streams:
            self.put(Stream(kept.record, kept.length, kept.first_id))
        for record in snapshot.groups:
            stream = self.by_number[record.stream]
            group = groups[record.number] = Group(record, stream, self.pending)
            stream.groups[group.name] = group
        for consumer in snapshot.consumers:
            groups[consumer.group].consumers[consumer.name] = consumer
        for number, entries in snapshot.pending.items():
            for entry in entries:
                groups[number].pending.load(entry)

    def new_stream(self, name: StreamName) -> Stream:
        """Return a stream with a number of its own, which is not here yet. Raises Overloaded."""
        if len(self.by_name) >= self._bounds.streams_max:
            raise Overloaded("streams", self._bounds.streams_max)
        number = StreamNumber(self._next_stream)
        self._next_stream += 1
        return Stream(StreamRecord(number, name))

    def new_group(
        self, stream: Stream, name: GroupName, cursor: EventId, read_count: int | None
    ) -> Group:
        """Return a group that its stream does not have yet. Raises Overloaded."""
        if len(stream.groups) >= self._bounds.groups_max:
            raise Overloaded(f"groups of stream {stream.name}", self._bounds.groups_max)
        number = GroupNumber(self._next_group)
        self._next_group += 1
        record = GroupRecord(number, stream.number, name, cursor, read_count)
        return Group(record, stream, self.pending)

    def put(self, stream: Stream) -> None:
        self.by_name[stream.name] = stream
        self.by_number[stream.number] = stream
        self.recents.changed(stream.recent)
        for group in stream.groups.values():
            group.pending.come_back()
            self.aheads.changed(group.ahead)

    def put_back(self, stream: Stream, order: Sequence[StreamName]) -> None:
        """Let a stream in again, in its old place."""
        self.put(stream)
        by_name = {name: self.by_name[name] for name in order}
        self.by_name.clear()
        self.by_name.update(by_name)

    def remove(self, stream: Stream) -> None:
        del self.by_name[stream.name]
        del self.by_number[stream.number]
        self.recents.forget(stream.recent)
        self.overdue.pop(stream.number, None)
        for group in stream.groups.values():
            group.pending.leave()
            self.aheads.forget(group.ahead)
