"""What one batch is going to change of the event log, and what it asks; the verbs write it."""

from collections.abc import Callable
from typing import TypeAlias, TypeVar

from msgspec import Struct

from penstock.jobs.events.bounds import EventBounds
from penstock.jobs.events.budget import Kept
from penstock.jobs.events.errors import Unsettled
from penstock.jobs.events.group import Group
from penstock.jobs.events.ids import successor
from penstock.jobs.events.model import (
    ID_MAX,
    ID_MIN,
    EventId,
    GroupName,
    GroupNumber,
    StreamName,
    StreamNumber,
)
from penstock.jobs.events.readers import Reader, Readers, Served
from penstock.jobs.events.stream import Stream
from penstock.jobs.events.streams import Streams
from penstock.jobs.events.undo import UndoLog
from penstock.jobs.model import Instant
from penstock.jobs.store.event_port import (
    EventAnswers,
    EventWrites,
    HandledKey,
    PickQuestion,
    PublishedKey,
    RangeQuestion,
)

T = TypeVar("T")
# A value that is known once the batch is durable.
Later: TypeAlias = Callable[[EventAnswers], T]


def known(value: T) -> Later[T]:
    """Return a value that is known already."""
    return lambda answers: value


class Fetch(Struct, frozen=True, gc=False):
    """The next events of a group are being read; the answer is at *index*."""

    index: int
    group: Group
    question: RangeQuestion


class Draft:
    """The changes of one turn, with all it takes to undo them.

    Streams and groups are changed in place and marked, so that each is saved once and written
    once, however many events it is given.
    """

    __slots__ = (
        "acknowledged_count",
        "asked_keys",
        "bounds",
        "deleting",
        "delivered_count",
        "ended_trims",
        "fetches",
        "fills",
        "handled_keys",
        "kept_picks",
        "life",
        "made_groups",
        "made_streams",
        "marked",
        "needed",
        "now",
        "parked",
        "picks",
        "published",
        "readers",
        "reads_bytes",
        "served",
        "starved",
        "stirred",
        "streams",
        "taken",
        "touched",
        "touched_groups",
        "trimmed",
        "undo_log",
        "untrimmed",
        "waking",
        "writes",
    )

    def __init__(
        self, streams: Streams, readers: Readers, bounds: EventBounds, now: Instant
    ) -> None:
        self.streams = streams
        self.readers = readers
        self.bounds = bounds
        self.now = now
        self.writes = EventWrites()
        self.undo_log = UndoLog()
        self.touched: list[Stream] = []
        self.marked: dict[StreamNumber, Stream] = {}  # Not changed, but asked about.
        self.touched_groups: list[Group] = []
        # Numbers that the store does not know yet.
        self.made_streams: set[StreamNumber] = set()
        self.made_groups: set[GroupNumber] = set()
        self.life: dict[StreamNumber, Stream] = {}  # What the store itself may append to.
        # Business keys: what was confirmed and published, and what the store is asked about.
        self.handled_keys: dict[tuple[GroupNumber, str], HandledKey] = {}
        self.asked_keys: set[tuple[GroupNumber, str]] = set()
        self.published: dict[tuple[StreamNumber, str], PublishedKey] = {}
        # Readers: those that were parked, those that were served, and what they are to be told.
        self.parked: list[Reader] = []
        self.taken: list[Reader] = []
        self.served: list[Served] = []
        self.waking = dict(readers.waking)
        self.starved = dict(readers.starved)
        self.stirred, streams.stirred = streams.stirred, {}
        # What is asked for ourselves, and whose: the answer is at the index of the question.
        self.fetches: list[Fetch] = []
        self.fills: list[tuple[int, Stream]] = []
        self.picks: list[Stream] = []
        self.kept_picks: list[Stream] = []  # Whose picked events a request still waits with.
        self.needed: set[Kept] = set()  # What is read for a request that will need it.
        self.deleting: list[Stream] = []
        self.trimmed: list[Stream] = []
        self.ended_trims: list[Stream] = []  # Of which there is nothing to remove, or no more.
        self.untrimmed: list[Callable[[int], None]] = []  # Who asked to trim what is not there.
        self.reads_bytes = 0
        # For the counters: events that groups were given and acknowledged.
        self.delivered_count = 0
        self.acknowledged_count = 0

    # --- looking -------------------------------------------------------------------------------

    def find_stream(self, name: StreamName) -> Stream | None:
        return self.streams.by_name.get(name)

    def find_group(self, name: StreamName, group: GroupName) -> Group | None:
        stream = self.streams.by_name.get(name)
        return None if stream is None else stream.groups.get(group)

    def resolve(self, reader: Reader) -> None:
        """Note after which event of each stream a reader waits: after the last one, or its own."""
        for name, after in reader.streams:
            stream = self.streams.by_name.get(name)
            last_id = ID_MIN if stream is None else stream.last_id
            reader.after[name] = after if isinstance(after, tuple) else last_id

    # --- changing ------------------------------------------------------------------------------

    def touch(self, stream: Stream) -> None:
        """Save a stream before it is changed."""
        if stream.before is None:
            stream.before = stream.state()
            self.touched.append(stream)

    def touch_group(self, group: Group) -> None:
        """Save a group before it is changed."""
        if group.before is None:
            group.before = group.state()
            self.touched_groups.append(group)

    def make_stream(self, name: StreamName) -> Stream:
        """Make a stream that is not there. Raises Overloaded."""
        stream = self.streams.new_stream(name)
        self.streams.put(stream)
        self.undo_log.add(lambda: self.streams.remove(stream))
        self.touch(stream)
        self.made_streams.add(stream.number)
        return stream

    def forget_beyond(self, stream: Stream, last_id: EventId) -> None:
        """Know nothing of the ids after one, which may be given again: there is no such event."""
        stream.recent.after = min(stream.recent.after, last_id)
        for group in stream.groups.values():
            if group.ahead.through > last_id:
                group.ahead.clear()
                self.streams.aheads.forget(group.ahead)

    def wake_group(self, group: Group) -> None:
        """See before the turn ends whether there is something for readers of a group."""
        self.readers.waking[group.stream.name, group.name] = None

    # --- asking --------------------------------------------------------------------------------

    def weigh(self, bytes_max: int) -> None:
        """See whether so much more may be read with this commit; whoever is first, may.

        Raises:
            Unsettled: it is to be asked for with the next one.
        """
        if self.reads_bytes and self.reads_bytes + bytes_max > self.bounds.reads_bytes_max:
            raise Unsettled
        self.reads_bytes += bytes_max

    def weight_of(self, question: RangeQuestion) -> int:
        """Return how many bytes an answer may have."""
        event_bytes_max = self.bounds.event_bytes_max
        bytes_max = max(question.bytes_max, event_bytes_max)
        return min(bytes_max, question.events_max * event_bytes_max)

    def ask_range(self, question: RangeQuestion) -> int:
        """Ask for events, which were weighed; return where the answer will be."""
        self.writes.ranges.append(question)
        return len(self.writes.ranges) - 1

    def fetch(self, group: Group, after: EventId, events_max: int = 0) -> None:
        """Have the next events of a group read, for the turns to come. Raises Unsettled."""
        if group.is_fetching:
            return
        stream = group.stream
        question = RangeQuestion(
            stream.number,
            successor(after),
            ID_MAX,
            max(events_max, self.bounds.ahead_events_max),
            self.bounds.ahead_bytes_max,
        )
        self.weigh(self.weight_of(question))
        self.fetches.append(Fetch(self.ask_range(question), group, question))
        group.is_fetching = True
        self.needed.add(group.ahead)
        self.marked[stream.number] = stream

    def fetch_if_cheap(self, group: Group, after: EventId) -> None:
        """Have them read if there is room for it in this commit."""
        if self.reads_bytes + self.bounds.ahead_bytes_max <= self.bounds.reads_bytes_max:
            self.fetch(group, after)

    def ask_for_reply(self, stream: Stream) -> None:
        """Note that a reply is read from the store: what it reads may not be removed after it."""
        stream.is_asked = True
        self.marked[stream.number] = stream

    def fill(self, stream: Stream) -> None:
        """Have the last events of a stream read. Raises Unsettled."""
        if stream.is_filling:
            return
        question = RangeQuestion(
            stream.number,
            ID_MIN,
            ID_MAX,
            self.bounds.recent_events_max,
            self.bounds.recent_bytes_max,
            backwards=True,
        )
        self.weigh(self.weight_of(question))
        self.fills.append((self.ask_range(question), stream))
        stream.is_filling = True
        self.needed.add(stream.recent)
        self.marked[stream.number] = stream

    def pick(self, stream: Stream, ids: tuple[EventId, ...]) -> None:
        """Have single events read, for the next turn. Raises Unsettled."""
        ids = ids[: self.bounds.pick_events_max]
        self.weigh(len(ids) * self.bounds.event_bytes_max)
        self.writes.picks.append(PickQuestion(stream.number, ids))
        self.picks.append(stream)
        self.marked[stream.number] = stream

    def keep_read(self, group: Group) -> None:
        """Keep for the next turn, too, what was read for a group: a request needs more beside it.

        If it was forgotten while the other is read, that would have no end.
        """
        self.needed.add(group.ahead)
        if group.stream.picked:
            self.kept_picks.append(group.stream)
