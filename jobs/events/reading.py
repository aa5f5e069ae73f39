"""Reading streams: from memory what is recent, from the store what is not."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from itertools import islice
from typing import TypeAlias

from msgspec import Struct

from penstock.jobs.events.delivery import (
    check_consumer,
    cut,
    deliver,
    next_events,
    refuse_more,
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
    bounds = draft.bounds
    question = RangeQuestion(
        stream.number,
        first,
        min(last, stream.last_id),
        _at_most(draft, events_max),
        bounds.range_bytes_max,
        backwards,
    )
    recent = _recent_range(stream, question)
    if recent is not None:
        return known(recent)
    draft.weigh(draft.weight_of(question))
    return _ask(draft, stream, question)


def _ask(draft: Draft, stream: Stream, question: RangeQuestion) -> Later[Sequence[Event]]:
    index = draft.ask_range(question)
    draft.ask_for_reply(stream)
    return lambda answers: answers.ranges[index]


def _at_most(draft: Draft, events_max: int | None) -> int:
    limit = draft.bounds.range_events_max
    return limit if events_max is None else min(events_max, limit)


def _recent_range(stream: Stream, question: RangeQuestion) -> Sequence[Event] | None:
    """Return a range if it is in memory and will not change with this turn."""
    first, events_max = question.first, question.events_max
    if first > question.last or not events_max:
        return ()
    if stream.is_unsettled:
        return None
    recent = stream.recent
    is_whole = first > recent.after or (stream.first_id or ID_MAX) > recent.after
    if not is_whole and not question.backwards:
        return None
    events: Sequence[Event] = recent.events
    if stream.appended:
        events = [*events, *stream.appended]
    events = events[from_id(events, first) : after_id(events, question.last)]
    if not question.backwards:
        return cut(events[:events_max], question.bytes_max)
    if not is_whole and len(events) < events_max:
        return None
    return cut(events[: -events_max - 1 : -1], question.bytes_max)


# --- what comes after ----------------------------------------------------------------------------


def read_after(
    draft: Draft, wishes: Sequence[tuple[StreamName, EventId | Last]], events_max: int | None
) -> Later[Mapping[StreamName, Sequence[Event]]] | None:
    """Read what comes after an id of each stream; None if nothing does. Raises Unsettled."""
    found: dict[StreamName, tuple[Stream, EventId]] = {}
    for name, after in wishes:
        stream = draft.find_stream(name)
        if stream is not None and isinstance(after, tuple) and after < stream.last_id:
            found[name] = stream, after
    _warm(draft, [stream for stream, _ in found.values()])
    # All of them share one reply.
    bytes_max = draft.bounds.range_bytes_max // max(1, len(found))
    parts: dict[StreamName, Later[Sequence[Event]]] = {}
    questions: list[tuple[StreamName, Stream, RangeQuestion]] = []
    for name, (stream, after) in found.items():
        last = stream.last_event_id
        if last is None or after >= last:
            continue
        question = RangeQuestion(
            stream.number, successor(after), last, _at_most(draft, events_max), bytes_max
        )
        recent = _recent_range(stream, question)
        parts[name] = known(recent or ())
        if recent is None:
            questions.append((name, stream, question))
    if questions:
        draft.weigh(sum(draft.weight_of(question) for _, _, question in questions))
        for name, stream, question in questions:
            parts[name] = _ask(draft, stream, question)
    return _together(draft, parts) if parts else None


def _warm(draft: Draft, streams: Sequence[Stream]) -> None:
    """See that the last events of streams are known. Raises Unsettled."""
    is_unsettled = any(stream.is_unsettled for stream in streams)
    for stream in streams:
        if stream.is_cold:
            is_unsettled = True
            with suppress(Unsettled):
                draft.fill(stream)
    if is_unsettled:
        draft.needed.update(stream.recent for stream in streams)
        raise Unsettled


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
    afters = [after for _, after in wishes]
    news, olds = _look_for_all(draft, groups, afters, consumer, events_max, no_ack=no_ack)
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


def _look_for_all(
    draft: Draft,
    groups: Sequence[Group],
    afters: Sequence[EventId | New],
    consumer: ConsumerName,
    events_max: int | None,
    *,
    no_ack: bool,
) -> tuple[dict[Group, Sequence[Event]], dict[Group, Given]]:
    """Return the events that are new, and those that were given already; nothing is given yet.

    Raises:
        Overloaded: there are new ones, and no more may be pending.
        Unsettled: some are being read.
    """
    news: dict[Group, Sequence[Event]] = {}
    olds: dict[Group, Given] = {}
    full: list[Group] = []
    is_unsettled = False
    for group, after in zip(groups, afters, strict=True):
        try:
            if isinstance(after, tuple):
                olds[group] = _given_already(draft, group, consumer, after, events_max)
                continue
            planned_count = sum(map(len, news.values()))
            room = room_for(draft, group, no_ack=no_ack, planned_count=planned_count)
            events = next_events(draft, group, min(_at_most(draft, events_max), max(1, room)))
        except Unsettled:
            is_unsettled = True
            continue
        if events and not room:
            full.append(group)
        elif events:
            news[group] = events
    if is_unsettled:
        for group in groups:
            draft.keep_read(group)
        raise Unsettled
    if full and not (news or olds):
        refuse_more(draft, full[0])
    return news, olds


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
