"""Giving events to the consumers of a group: who asks, and who has been waiting for them."""

from collections.abc import Sequence
from typing import NoReturn

from penstock.jobs.errors import Overloaded
from penstock.jobs.events.draft import Draft
from penstock.jobs.events.errors import Unsettled
from penstock.jobs.events.group import Group
from penstock.jobs.events.model import ConsumerName, Event, EventId, PendingEvent
from penstock.jobs.events.readers import Reader, Served
from penstock.jobs.events.recent import after_id, bytes_of


def next_events(
    draft: Draft, group: Group, events_max: int, *, before_trims: bool = False
) -> Sequence[Event]:
    """Return the next events that no consumer of a group was given; none if there are none.

    What is trimmed in this turn is of no concern to a group that no trim passes, nor to whoever
    is served *before_trims*.

    Raises:
        Unsettled: they are not in memory, and are being read.
    """
    stream, position = group.stream, group.last_delivered_id
    if position >= stream.last_id:
        return ()
    if stream.is_deleting:
        raise Unsettled
    if stream.is_trimmed and group.is_lossy and not before_trims:
        raise Unsettled
    events: Sequence[Event] = ()
    ahead = group.ahead
    if ahead.after <= position < ahead.through:
        events = ahead.events[after_id(ahead.events, position) :][:events_max]
        position = ahead.through
        is_much = bytes_of(events) >= draft.bounds.ahead_bytes_max
        if is_much or len(events) >= events_max or position >= stream.last_id:
            return events
    more = stream.after(position, events_max - len(events))
    if more is None:
        draft.fetch(group, position, events_max - len(events))
        raise Unsettled
    return cut([*events, *more] if events else more, draft.bounds.range_bytes_max)


def cut(events: Sequence[Event], bytes_max: int) -> Sequence[Event]:
    """Return the first events until so many bytes are reached; one at least."""
    if len(events) < 2 or bytes_of(events) <= bytes_max:
        return events
    bytes_count = count = 0
    while bytes_count < bytes_max:
        bytes_count += events[count].size
        count += 1
    return events[:count]


def room_for(draft: Draft, group: Group, *, no_ack: bool, planned_count: int = 0) -> int:
    """Return how many events may be delivered to a group, after others that are not pending yet."""
    bounds = draft.bounds
    if no_ack:
        return bounds.range_events_max
    group_room = bounds.group_pending_max - len(group.pending)
    room = min(group_room, bounds.pending_max - draft.streams.pending.count - planned_count)
    return max(0, min(room, bounds.range_events_max))


def refuse_more(draft: Draft, group: Group) -> NoReturn:
    """Say that no more events may be pending. Raises Overloaded."""
    limit = min(draft.bounds.group_pending_max, draft.bounds.pending_max)
    raise Overloaded(f"pending events of group {group.name} of stream {group.stream.name}", limit)


def check_consumer(draft: Draft, group: Group, consumer: ConsumerName) -> None:
    """See whether a consumer is known, or may become so. Raises Overloaded."""
    limit = draft.bounds.consumers_max
    if consumer not in group.consumers and len(group.consumers) >= limit:
        raise Overloaded(f"consumers of group {group.name} of stream {group.stream.name}", limit)


def deliver(
    draft: Draft,
    group: Group,
    consumer: ConsumerName,
    events: Sequence[Event],
    *,
    no_ack: bool,
) -> None:
    """Give a consumer the next events of its group."""
    draft.touch_group(group)
    draft.delivered_count += len(events)
    now, pending = draft.now, group.pending
    if not no_ack:
        for event in events:
            pending.put(PendingEvent(event.id, consumer, now, 1))
    move_cursor(draft, group, events[-1].id, events[-1].offset)
    group.seen(consumer, now, is_active=True)


def move_cursor(draft: Draft, group: Group, event_id: EventId, offset: int | None) -> None:
    """Let a group go on after an event, and have more read if it will need more soon."""
    draft.touch_group(group)
    group.last_delivered_id = event_id
    group.read_count = offset
    ahead = group.ahead
    if not ahead.after <= event_id < ahead.through < group.stream.recent.after:
        return
    left_count = len(ahead.events) - after_id(ahead.events, event_id)
    if 2 * left_count < draft.bounds.ahead_events_max:
        draft.fetch_if_cheap(group, ahead.through)


def serve_readers(draft: Draft) -> None:
    """Give waiting readers of groups what there is, first come first served."""
    readers = draft.readers
    waking = readers.waking | readers.starved
    readers.waking, readers.starved = {}, {}
    for stream in draft.touched:
        if stream.appended:
            for name in readers.groups_of(stream.name):
                waking[stream.name, name] = None
    for stream_name, group_name in waking:
        group = draft.find_group(stream_name, group_name)
        if group is not None:
            try:
                _serve_group(draft, group)
            except Unsettled:
                draft.wake_group(group)


def _serve_group(draft: Draft, group: Group) -> None:
    """Raises Unsettled."""
    stream = group.stream
    while (reader := draft.readers.first_of(stream.name, group.name)) is not None:
        room = room_for(draft, group, no_ack=reader.no_ack)
        events_max = min(room, reader.events_max or room)
        if not events_max:
            draft.readers.starved[stream.name, group.name] = None
            return
        events = next_events(draft, group, events_max, before_trims=True)
        if not events:
            return
        draft.readers.unpark(reader)
        draft.taken.append(reader)
        draft.served.append(_serve(draft, group, reader, events))


def _serve(draft: Draft, group: Group, reader: Reader, events: Sequence[Event]) -> Served:
    """Give a reader its events, or turn it away if its consumer is one too many."""
    assert reader.consumer is not None
    try:
        check_consumer(draft, group, reader.consumer)
    except Overloaded as error:
        return Served(reader, error)
    deliver(draft, group, reader.consumer, events, no_ack=reader.no_ack)
    return Served(reader, {group.stream.name: events})
