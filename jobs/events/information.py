"""What there is to say about streams, groups and consumers."""

from collections.abc import Sequence
from itertools import islice

from msgspec import Struct

from penstock.jobs.events.draft import Draft, Later
from penstock.jobs.events.errors import Unsettled
from penstock.jobs.events.group import Group
from penstock.jobs.events.model import (
    ID_MAX,
    ID_MIN,
    ConsumerName,
    Event,
    EventId,
    GroupName,
    PendingEvent,
)
from penstock.jobs.events.reading import read_range
from penstock.jobs.events.stream import Stream
from penstock.jobs.model import Instant
from penstock.jobs.store.event_port import EventAnswers


class StreamInfo(Struct, frozen=True):
    """A stream; its first and its last event are there if they were asked for."""

    length: int
    last_id: EventId
    added_count: int
    max_deleted_id: EventId
    first_id: EventId | None
    groups_count: int
    length_max: int | None
    age_ms_max: int | None
    first_event: Event | None = None
    last_event: Event | None = None


class ConsumerInfo(Struct, frozen=True):
    """A consumer; `pending` has the first events that are pending for it, if that was asked."""

    name: ConsumerName
    seen_at: Instant
    active_at: Instant | None
    pending_count: int
    pending: Sequence[PendingEvent] = ()


class GroupInfo(Struct, frozen=True):
    """A group. `lag` is how many events it has not been given; None if that is not known.

    `pending` and `consumers` are filled if that was asked.
    """

    name: GroupName
    last_delivered_id: EventId
    read_count: int | None
    lag: int | None
    is_lossy: bool
    pending_count: int
    consumers_count: int
    pending: Sequence[PendingEvent] = ()
    consumers: Sequence[ConsumerInfo] = ()


class StreamDetails(Struct, frozen=True):
    """A stream with its first events and all its groups."""

    info: StreamInfo
    events: Sequence[Event]
    groups: Sequence[GroupInfo]


def summarize(stream: Stream) -> StreamInfo:
    """Say what is known of a stream without its events. Raises Unsettled."""
    if stream.is_unsettled:
        raise Unsettled
    return StreamInfo(
        stream.length,
        stream.last_id,
        stream.added_count,
        stream.max_deleted_id,
        stream.first_id,
        len(stream.groups),
        stream.length_max,
        stream.age_ms_max,
    )


def describe(draft: Draft, stream: Stream) -> Later[StreamInfo]:
    """Raises Unsettled."""
    found = summarize(stream)
    first = read_range(draft, stream, ID_MIN, ID_MAX, 1, backwards=False)
    last = read_range(draft, stream, ID_MIN, ID_MAX, 1, backwards=True)
    return lambda answers: _with_ends(found, first(answers), last(answers))


def describe_full(draft: Draft, stream: Stream, events_max: int) -> Later[StreamDetails]:
    """Say all about a stream, with so many of its events and of what is pending.

    Raises:
        Unsettled: what is asked is not known in this turn.
    """
    info = describe(draft, stream)
    events = read_range(draft, stream, ID_MIN, ID_MAX, events_max, backwards=False)
    groups = [describe_group(group, pending_max=events_max) for group in groups_of(stream)]

    def details(answers: EventAnswers) -> StreamDetails:
        return StreamDetails(info(answers), events(answers), groups)

    return details


def groups_of(stream: Stream) -> list[Group]:
    """Return the groups of a stream by their names."""
    return [stream.groups[name] for name in sorted(stream.groups, key=str.encode)]


def describe_group(group: Group, *, pending_max: int = 0) -> GroupInfo:
    """Say what is known of a group. Raises Unsettled."""
    return GroupInfo(
        group.name,
        group.last_delivered_id,
        group.read_count,
        lag_of(group),
        group.is_lossy,
        len(group.pending),
        len(group.consumers),
        _first_pending(group, None, pending_max),
        describe_consumers(group, pending_max=pending_max) if pending_max else (),
    )


def describe_consumers(group: Group, *, pending_max: int = 0) -> list[ConsumerInfo]:
    """Say what is known of the consumers of a group, by their names."""
    return [
        ConsumerInfo(
            name,
            group.consumers[name].seen_at,
            group.consumers[name].active_at,
            group.pending.count_of(name),
            _first_pending(group, name, pending_max),
        )
        for name in sorted(group.consumers, key=str.encode)
    ]


def _first_pending(
    group: Group, consumer: ConsumerName | None, events_max: int
) -> Sequence[PendingEvent]:
    return tuple(islice(group.pending.since(ID_MIN, consumer), events_max))


def _with_ends(info: StreamInfo, first: Sequence[Event], last: Sequence[Event]) -> StreamInfo:
    return StreamInfo(
        info.length,
        info.last_id,
        info.added_count,
        info.max_deleted_id,
        info.first_id,
        info.groups_count,
        info.length_max,
        info.age_ms_max,
        first[0] if first else None,
        last[0] if last else None,
    )


# --- how far behind ------------------------------------------------------------------------------


def lag_of(group: Group) -> int | None:
    """Return how many events a group has not been given; None if deletions keep that unknown.

    The rules are Redis'. Raises Unsettled.
    """
    if group.stream.is_unsettled:
        raise Unsettled
    return estimated_lag(group)


def estimated_lag(group: Group) -> int | None:
    """Return the same at any time; events that are just being removed may be taken for there."""
    stream, cursor = group.stream, group.last_delivered_id
    if not stream.added_count:
        return 0
    has_gaps = bool(stream.length) and cursor <= stream.max_deleted_id > ID_MIN
    if group.read_count is not None and not has_gaps:
        return stream.added_count - group.read_count
    read_count = _estimated_offset(stream, cursor)
    return None if read_count is None else stream.added_count - read_count


def _estimated_offset(stream: Stream, cursor: EventId) -> int | None:
    """Return how many events were added up to an id, where that follows from the ends."""
    if cursor == stream.last_id or (cursor < stream.last_id and not stream.length):
        return stream.added_count
    if cursor > stream.last_id:
        return None
    first_id = stream.first_id
    assert first_id is not None
    if stream.max_deleted_id < first_id and cursor <= first_id:
        return stream.added_count - stream.length + (cursor == first_id)
    return None
