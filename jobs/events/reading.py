"""Reading streams: from memory what is recent, from the store what is not."""

from collections.abc import Mapping, Sequence
from itertools import islice
from typing import TypeAlias

from msgspec import Struct

from penstock.jobs.events.delivery import (
    check_consumer,
    check_room,
    cut,
    deliver,
    next_events,
    room_for,
)
from penstock.jobs.events.draft import Draft, Later, known
from penstock.jobs.events.errors import NoGroupToRead, Unsettled
from penstock.jobs.events.group import Group
from penstock.jobs.events.ids import Last, New, successor
from penstock.jobs.events.model import (
    ID_MAX,
    ConsumerName,
    Event,
    EventId,
    GroupName,
    PendingEvent,
    StreamName,
)
from penstock.jobs.events.recent import after_id, from_id
from penstock.jobs.events.stream import Stream
from penstock.jobs.store.event_port import EventAnswers, RangeQuestion


class DeletedEvent(Struct, frozen=True, gc=False):
    """An event that is pending and is not there any more."""

    id: EventId


Given: TypeAlias = Sequence[Event | DeletedEvent]


# --- ranges --------------------------------------------------------------------------------------


def read_range(
    draft: Draft,
    stream: Stream,
    first: EventId,
    last: EventId,
    events_max: int | None,
    *,
    backwards: bool,
) -> Later[Sequence[Event]]:
    """Read the events from one id to another. Raises Unsettled."""
    events_max = _at_most(draft, events_max)
    last = min(last, stream.last_id)
    if first > last or not events_max:
        return known(())
    recent = _recent_range(draft, stream, first, last, events_max, backwards=backwards)
    if recent is not None:
        return known(recent)
    question = RangeQuestion(
        stream.number, first, last, events_max, draft.bounds.range_bytes_max, backwards
    )
    index = draft.ask_range(question)
    draft.ask_for_reply(stream)
    return lambda answers: answers.ranges[index]


def _at_most(draft: Draft, events_max: int | None) -> int:
    limit = draft.bounds.range_events_max
    return limit if events_max is None else min(events_max, limit)


def _recent_range(
    draft: Draft,
    stream: Stream,
    first: EventId,
    last: EventId,
    events_max: int,
    *,
    backwards: bool,
) -> Sequence[Event] | None:
    """Return a range if it is in memory and will not change with this turn."""
    recent = stream.recent
    if stream.is_unsettled:
        return None
    is_whole = first > recent.after or (stream.first_id or ID_MAX) > recent.after
    if not is_whole and not backwards:
        return None
    events: Sequence[Event] = recent.events
    if stream.appended:
        events = [*events, *stream.appended]
    events = events[from_id(events, first) : after_id(events, last)]
    if not backwards:
        return cut(events[:events_max], draft.bounds.range_bytes_max)
    if not is_whole and len(events) < events_max:
        return None
    return cut(events[: -events_max - 1 : -1], draft.bounds.range_bytes_max)


# --- what comes after ----------------------------------------------------------------------------


def read_after(
    draft: Draft, wishes: Sequence[tuple[StreamName, EventId | Last]], events_max: int | None
) -> Later[Mapping[StreamName, Sequence[Event]]] | None:
    """Read what comes after an id of each stream; None if nothing does. Raises Unsettled."""
    parts: dict[StreamName, Later[Sequence[Event]]] = {}
    for name, after in wishes:
        stream = draft.find_stream(name)
        if stream is None or not isinstance(after, tuple) or after >= stream.last_id:
            continue
        if stream.is_unsettled:
            raise Unsettled
        if stream.is_cold:
            draft.fill(stream)
            raise Unsettled
        last = stream.last_event_id
        if last is not None and after < last:
            parts[name] = read_range(
                draft, stream, successor(after), last, events_max, backwards=False
            )
    return _together(draft, parts) if parts else None


def _together(
    draft: Draft, parts: dict[StreamName, Later[Sequence[Event]]]
) -> Later[Mapping[StreamName, Sequence[Event]]]:
    counters = draft.streams.counters

    def readings(answers: EventAnswers) -> Mapping[StreamName, Sequence[Event]]:
        found = {name: part(answers) for name, part in parts.items()}
        counters.delivered += sum(map(len, found.values()))
        return found

    return readings


# --- for a consumer of a group -------------------------------------------------------------------


def read_for_consumer(
    draft: Draft,
    group: GroupName,
    consumer: ConsumerName,
    wishes: Sequence[tuple[StreamName, EventId | New]],
    events_max: int | None,
    *,
    no_ack: bool,
) -> Mapping[StreamName, Given] | None:
    """Give a consumer new events, or what it was given already after an id; None if nothing is.

    Raises:
        NoGroupToRead, Overloaded, Unsettled: nothing happened.
    """
    groups: list[Group] = []
    for name, _ in wishes:
        found = draft.find_group(name, group)
        if found is None:
            raise NoGroupToRead(name, group)
        check_consumer(draft, found, consumer)
        groups.append(found)
    news: dict[Group, Sequence[Event]] = {}
    olds: dict[Group, Given] = {}
    is_unsettled = False
    for (_, after), found in zip(wishes, groups, strict=True):
        try:
            if isinstance(after, tuple):
                olds[found] = _given_already(draft, found, consumer, after, events_max)
            elif events := _new_events(draft, found, events_max, no_ack=no_ack):
                news[found] = events
        except Unsettled:
            is_unsettled = True
    if is_unsettled:
        # What was read of one stream is kept while another is read: else that would have no end.
        for found in groups:
            draft.keep_picked(found.stream)
        raise Unsettled
    readings: dict[StreamName, Given] = {}
    for found in groups:
        draft.touch_group(found)
        if found in olds:
            _give_again(draft, found, olds[found])
            readings[found.stream.name] = olds[found]
        if found in news:
            deliver(draft, found, consumer, news[found], no_ack=no_ack)
            readings[found.stream.name] = news[found]
        else:
            found.seen(consumer, draft.now, is_active=False)
    return readings or None


def _new_events(
    draft: Draft, group: Group, events_max: int | None, *, no_ack: bool
) -> Sequence[Event]:
    room = room_for(draft, group, no_ack=no_ack)
    events = next_events(draft, group, min(_at_most(draft, events_max), max(1, room)))
    if events and not no_ack:
        check_room(draft, group)
    return events


def _given_already(
    draft: Draft, group: Group, consumer: ConsumerName, after: EventId, events_max: int | None
) -> Given:
    """Return the events after an id that a consumer has not acknowledged. Raises Unsettled."""
    limit = 0 if after == ID_MAX else _at_most(draft, events_max)
    ids = [e.id for e in islice(group.pending.since(successor(after), consumer), limit)]
    found = find_events(draft, group, ids)
    given: list[Event | DeletedEvent] = []
    bytes_count = 0
    for event_id in ids:
        event = found[event_id]
        given.append(event if event is not None else DeletedEvent(event_id))
        bytes_count += 0 if event is None else event.size
        if bytes_count >= draft.bounds.range_bytes_max:
            break
    return given


def _give_again(draft: Draft, group: Group, given: Given) -> None:
    """Count one more delivery of each event that is still there."""
    for event in given:
        if isinstance(event, Event):
            entry = group.pending.get(event.id)
            assert entry is not None
            group.pending.put(
                PendingEvent(event.id, entry.consumer, draft.now, entry.deliveries + 1)
            )


def find_events(
    draft: Draft, group: Group, ids: Sequence[EventId]
) -> Mapping[EventId, Event | None]:
    """Return pending events of a group; None for those that are gone.

    Raises:
        Unsettled: some are not in memory, and are being read.
    """
    stream = group.stream
    if ids:
        check_is_settled(group)
    found: dict[EventId, Event | None] = {}
    unknown: list[EventId] = []
    for event_id in ids:
        try:
            found[event_id] = stream.find(event_id)
        except KeyError:
            unknown.append(event_id)
    if unknown:
        draft.pick(stream, tuple(unknown))
        raise Unsettled
    return found


def check_is_settled(group: Group) -> None:
    """See that nothing is removed in this turn of what a group was given. Raises Unsettled."""
    stream = group.stream
    if stream.is_deleting or (stream.is_trimmed and group.is_lossy):
        raise Unsettled
