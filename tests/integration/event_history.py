"""The history checker of the event log: what was published, delivered and acknowledged.

Producers note what they published and what they were told, readers and consumers write down what
they saw in the order in which they saw it, and at the end the server is asked for everything. The
rules below are what must hold whatever was killed when. A history is of one stream.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Final, TypeAlias

from msgspec import Struct

EventId: TypeAlias = tuple[int, int]


class Told(Enum):
    """What a producer knows of an event."""

    ACKNOWLEDGED = "acknowledged"
    REFUSED = "refused"
    UNKNOWN = "unknown"  # The connection went away first.


class Origin(Struct, frozen=True):
    """Where an event comes from: a producer counts what it publishes."""

    producer: str
    count: int

    def __str__(self) -> str:
        return f"event {self.count} of {self.producer}"


class Published(Struct, frozen=True):
    """What became of one event that a producer sent. One with a key is sent until it is told."""

    origin: Origin
    told: Told
    id: EventId | None = None


class Seen(Struct, frozen=True):
    """One event that somebody was given.

    `anew` says that a consumer got it as a new one of the group, not as one that was pending.
    `asked_ns` is when the read was sent, by the machine's monotonic clock.
    """

    id: EventId
    origin: Origin
    anew: bool
    asked_ns: int


class Acknowledged(Struct, frozen=True):
    """One event whose acknowledgement was confirmed, and when that was known."""

    id: EventId
    known_ns: int


class Cursor(Struct, frozen=True):
    """Where a group stood, as XINFO GROUPS told it."""

    last_delivered_id: EventId
    read_count: int | None


class Job(Struct, frozen=True):
    """A job that the trigger of a stream made: its key, and the event in its payload."""

    id: int
    key: str
    event: EventId


class GroupHistory(Struct, frozen=True):
    """What the consumers of one group did, by their names, and how the group was seen to stand."""

    seen: Mapping[str, Sequence[Seen]]
    acknowledged: Sequence[Acknowledged]
    cursors: Sequence[Cursor]
    pending: frozenset[EventId]


@dataclass(frozen=True, slots=True)
class EventHistory:
    """Everything that is known of a stream, from which nothing was removed.

    `kept` is the whole stream at the end, when everybody had read to its end. `triggered` is what
    the trigger's jobs are expected to be keyed by; None if it has no trigger.
    """

    published: Sequence[Published]
    kept: Sequence[tuple[EventId, Origin]]
    added_count: int
    readers: Mapping[str, Sequence[Seen]] = field(default_factory=dict)
    groups: Mapping[str, GroupHistory] = field(default_factory=dict)
    triggered: Callable[[EventId, Origin], str | None] | None = None
    jobs: Sequence[Job] = ()


@dataclass(frozen=True, slots=True)
class Violation:
    """One promise broken once."""

    rule: str
    text: str

    def __str__(self) -> str:
        return f"{self.rule}: {self.text}"


def check_events(history: EventHistory) -> list[Violation]:
    """Return every violation of every rule; none means that the history is sound."""
    return [Violation(name, text) for name, rule in RULES.items() for text in rule(history)]


def _acknowledged_events_are_kept(history: EventHistory) -> Iterator[str]:
    kept = dict(history.kept)
    for one in history.published:
        if one.told is not Told.ACKNOWLEDGED:
            continue
        assert one.id is not None
        if one.id not in kept:
            yield f"{one.origin} was acknowledged as {one.id} and is gone"
        elif kept[one.id] != one.origin:
            yield f"{one.origin} was acknowledged as {one.id}, which is {kept[one.id]}"


def _events_come_from_somebody(history: EventHistory) -> Iterator[str]:
    told = {one.origin: one.told for one in history.published}
    for event, origin in history.kept:
        if origin not in told:
            yield f"{event} is {origin}, and nobody published that"
        elif told[origin] is Told.REFUSED:
            yield f"{event} is {origin}, which was refused"


def _an_event_is_there_once(history: EventHistory) -> Iterator[str]:
    for origin, count in Counter(origin for _, origin in history.kept).items():
        if count > 1:
            yield f"{origin} is there {count} times"


def _a_producer_keeps_its_order(history: EventHistory) -> Iterator[str]:
    last: dict[str, int] = {}
    for event, origin in history.kept:
        if last.get(origin.producer, 0) >= origin.count:
            yield f"{event} is {origin}, after event {last[origin.producer]}"
        last[origin.producer] = origin.count


def _offsets_are_dense(history: EventHistory) -> Iterator[str]:
    ids = [event for event, _ in history.kept]
    if ids != sorted(set(ids)):
        yield "the ids do not grow"
    if history.added_count != len(ids):
        yield f"the stream has {len(ids)} events and counts {history.added_count}"


def _readers_miss_nothing(history: EventHistory) -> Iterator[str]:
    """Every plain reader saw a stretch of the stream, to its end: so all saw the same order."""
    for name, seen in history.readers.items():
        read = [(one.id, one.origin) for one in seen]
        wanted = list(history.kept)[len(history.kept) - len(read) :]
        if read != wanted:
            yield f"{name} {_first_difference(read, wanted)}"


def _groups_miss_nothing(history: EventHistory) -> Iterator[str]:
    """The group of a trigger has no consumers: its jobs are looked at instead."""
    kept = dict(history.kept)
    for name, group in history.groups.items():
        if not group.seen:
            continue
        seen = {one.id: one.origin for ones in group.seen.values() for one in ones}
        for event, origin in kept.items():
            if event not in seen:
                yield f"group {name} never saw {event}, {origin}"
        for event, origin in seen.items():
            if kept.get(event) != origin:
                yield f"group {name} saw {event} as {origin}; it is {kept.get(event)}"


def _an_event_is_new_once(history: EventHistory) -> Iterator[str]:
    """A cursor is durable before anybody is told what it passed."""
    for name, group in history.groups.items():
        new = Counter(one.id for ones in group.seen.values() for one in ones if one.anew)
        for event, count in new.items():
            if count > 1:
                yield f"group {name} was given {event} as a new one {count} times"


def _consumers_see_the_order(history: EventHistory) -> Iterator[str]:
    for name, group in history.groups.items():
        for consumer, seen in group.seen.items():
            new = [one.id for one in seen if one.anew]
            if new != sorted(new):
                yield f"consumer {consumer} of {name} got new events out of order"


def _acknowledged_deliveries_are_over(history: EventHistory) -> Iterator[str]:
    for name, group in history.groups.items():
        known = {one.id: one.known_ns for one in group.acknowledged}
        for consumer, seen in group.seen.items():
            for one in seen:
                if one.asked_ns > known.get(one.id, one.asked_ns):
                    yield f"{consumer} of {name} got {one.id} again, which was acknowledged"
        for event in group.pending:
            if event in known:
                yield f"{event} was acknowledged to {name} and is pending"


def _cursors_never_go_back(history: EventHistory) -> Iterator[str]:
    for name, group in history.groups.items():
        for before, after in zip(group.cursors, group.cursors[1:], strict=False):
            if after.last_delivered_id < before.last_delivered_id:
                yield f"group {name} went back from {before} to {after}"
            if (before.read_count or 0) > (after.read_count or 0):
                yield f"group {name} had read {before.read_count}, then {after.read_count}"


def _cursors_count_what_was_read(history: EventHistory) -> Iterator[str]:
    ids = [event for event, _ in history.kept]
    for name, group in history.groups.items():
        for cursor in group.cursors:
            passed = sum(event <= cursor.last_delivered_id for event in ids)
            if cursor.read_count is not None and cursor.read_count != passed:
                yield f"group {name} at {cursor.last_delivered_id} passed {passed}: {cursor}"


def _each_trigger_fires_once(history: EventHistory) -> Iterator[str]:
    if history.triggered is None:
        return
    jobs: defaultdict[str, list[Job]] = defaultdict(list)
    for job in history.jobs:
        jobs[job.key].append(job)
    for event, origin in history.kept:
        key = history.triggered(event, origin)
        if key is None:
            continue
        found = jobs.pop(key, [])
        if len(found) != 1:
            yield f"{event}, {origin}, made {len(found)} jobs: {found}"
        elif found[0].event != event:
            yield f"{event}, {origin}, made a job of {found[0].event}"
    for key, found in jobs.items():
        yield f"no event made {found} of key {key}"


def _first_difference(read: Sequence[object], wanted: Sequence[object]) -> str:
    for place, (one, other) in enumerate(zip(read, wanted, strict=False)):
        if one != other:
            return f"saw {one} where {other} is, {len(read) - place} before its end"
    return f"saw {len(read)} events of {len(wanted)}"


RULES: Final[Mapping[str, Callable[[EventHistory], Iterator[str]]]] = {
    "nothing acknowledged is lost": _acknowledged_events_are_kept,
    "no event comes from nowhere": _events_come_from_somebody,
    "an event is there once": _an_event_is_there_once,
    "a producer keeps its order": _a_producer_keeps_its_order,
    "offsets are dense": _offsets_are_dense,
    "readers miss nothing": _readers_miss_nothing,
    "groups miss nothing": _groups_miss_nothing,
    "an event is new once": _an_event_is_new_once,
    "consumers see the order": _consumers_see_the_order,
    "what was acknowledged is over": _acknowledged_deliveries_are_over,
    "cursors never go back": _cursors_never_go_back,
    "cursors count what was read": _cursors_count_what_was_read,
    "a trigger fires once": _each_trigger_fires_once,
}
