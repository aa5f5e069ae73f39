"""Taking pending events over from other consumers, and looking at what is pending."""

from collections.abc import Sequence
from typing import Final

from msgspec import Struct

from penstock.jobs.events.delivery import check_consumer, refuse_more, room_for
from penstock.jobs.events.draft import Draft
from penstock.jobs.events.errors import NoGroupToAsk, Unsettled
from penstock.jobs.events.group import Group
from penstock.jobs.events.model import (
    ID_MIN,
    ConsumerName,
    Event,
    EventId,
    GroupName,
    PendingEvent,
    StreamName,
)
from penstock.jobs.events.reading import check_is_settled
from penstock.jobs.model import Instant

# Of the events that XAUTOCLAIM may return, so many times are looked at; Redis' figure.
_LOOKS_PER_EVENT: Final = 10


class ClaimWish(Struct, frozen=True):
    """How to take events over.

    They must have been pending for *idle_ms* and are as if delivered at *deliver_at* (now, if that
    is None or in the future), *deliveries* times (None: once more, but not if *just_id*). With
    *force* also those that were not pending. *last_id* moves the group's cursor if it is behind.
    """

    idle_ms: int = 0
    deliver_at: Instant | None = None
    deliveries: int | None = None
    force: bool = False
    just_id: bool = False
    last_id: EventId | None = None


class PendingSummary(Struct, frozen=True):
    """How many events are pending for a group, the first and the last, and how many for whom."""

    count: int
    first_id: EventId | None
    last_id: EventId | None
    consumers: Sequence[tuple[ConsumerName, int]]  # Those that have some, by name.


def group_to_ask(draft: Draft, stream: StreamName, name: GroupName) -> Group:
    """Return a group. Raises NoGroupToAsk."""
    group = draft.find_group(stream, name)
    if group is None:
        raise NoGroupToAsk(stream, name)
    return group


# --- looking -------------------------------------------------------------------------------------


def summary(group: Group) -> PendingSummary:
    pending = group.pending
    counts = ((name, pending.count_of(name)) for name in sorted(group.consumers, key=str.encode))
    return PendingSummary(
        len(pending),
        pending.first_id(),
        pending.last_id(),
        [(name, count) for name, count in counts if count],
    )


def pending_of(
    group: Group,
    first: EventId,
    last: EventId,
    events_max: int,
    *,
    consumer: ConsumerName | None,
    until: Instant,
) -> list[PendingEvent]:
    """Return what is pending from one id to another and was delivered at or before *until*."""
    found: list[PendingEvent] = []
    for entry in group.pending.since(first, consumer):
        if entry.id > last or len(found) >= events_max:
            break
        if entry.delivered_at <= until:
            found.append(entry)
    return found


# --- claiming by id ------------------------------------------------------------------------------


def claim(
    draft: Draft, group: Group, consumer: ConsumerName, ids: Sequence[EventId], wish: ClaimWish
) -> list[Event]:
    """Take events over that are named; return those that were.

    What is pending and is not there any more is taken off the list.

    Raises:
        Overloaded, Unsettled: nothing happened.
    """
    check_consumer(draft, group, consumer)
    pending, now = group.pending, draft.now
    named = [i for i in dict.fromkeys(ids) if wish.force or pending.get(i) is not None]
    look = _Look(draft, group)
    for event_id in named:
        look.at(event_id)
        if look.is_enough:
            break
    look.settle()
    new_count = sum(
        event is not None and pending.get(event_id) is None
        for event_id, event in look.found.items()
    )
    if new_count > room_for(draft, group, no_ack=False):
        refuse_more(draft, group)
    draft.touch_group(group)
    if wish.last_id is not None and wish.last_id > group.last_delivered_id:
        group.last_delivered_id = wish.last_id
        group.read_count = None
    delivered_at = wish.deliver_at
    if delivered_at is None or not 0 <= delivered_at <= now:
        delivered_at = now
    claimed: list[Event] = []
    for event_id in ids:  # One that is named twice is claimed twice, as in Redis.
        if event_id not in look.found:
            continue
        event, entry = look.found[event_id], pending.get(event_id)
        if event is None:
            pending.remove(event_id)
            continue
        if entry is not None and now - entry.delivered_at < wish.idle_ms:
            continue
        deliveries = wish.deliveries
        if deliveries is None:
            deliveries = (1 if entry is None else entry.deliveries) + (not wish.just_id)
        pending.put(PendingEvent(event_id, consumer, delivered_at, deliveries))
        claimed.append(event)
    group.seen(consumer, now, is_active=bool(claimed))
    return claimed


# --- claiming what was left ----------------------------------------------------------------------


def auto_claim(
    draft: Draft,
    group: Group,
    consumer: ConsumerName,
    *,
    idle_ms: int,
    start: EventId,
    events_max: int,
    just_id: bool,
) -> tuple[EventId, list[Event], list[EventId]]:
    """Take over what has been pending for some time, from an id on.

    Returns where to go on (0-0 at the end), what was taken over, and the ids of events that were
    pending, are not there any more, and were taken off the list.

    Raises:
        Overloaded, Unsettled: nothing happened.
    """
    check_consumer(draft, group, consumer)
    events_max = min(events_max, draft.bounds.range_events_max)
    looks_left = events_max * _LOOKS_PER_EVENT
    now, look, go_on = draft.now, _Look(draft, group), ID_MIN
    entries: list[PendingEvent] = []
    for entry in group.pending.since(start):
        if not looks_left or len(entries) >= events_max or look.is_enough:
            go_on = entry.id
            break
        looks_left -= 1
        is_idle = now - entry.delivered_at >= idle_ms
        if is_idle or look.is_gone(entry.id):
            look.at(entry.id)
            entries.append(entry)
    look.settle()
    draft.touch_group(group)
    claimed: list[Event] = []
    gone: list[EventId] = []
    for entry in entries:
        event = look.found[entry.id]
        if event is None:
            group.pending.remove(entry.id)
            gone.append(entry.id)
            continue
        deliveries = entry.deliveries + (not just_id)
        group.pending.put(PendingEvent(entry.id, consumer, now, deliveries))
        claimed.append(event)
    group.seen(consumer, now, is_active=bool(claimed))
    return go_on, claimed, gone


class _Look:
    """Looks for events by their ids, as far as memory knows them, and has the others read."""

    def __init__(self, draft: Draft, group: Group) -> None:
        self._draft = draft
        self._group = group
        self._unknown: list[EventId] = []
        self._bytes_count = 0
        self.found: dict[EventId, Event | None] = {}

    @property
    def is_enough(self) -> bool:
        """Say whether no more should be looked for: for one reply, or for one commit."""
        bounds = self._draft.bounds
        return (
            self._bytes_count >= bounds.range_bytes_max
            or len(self._unknown) >= bounds.pick_events_max
        )

    def is_gone(self, event_id: EventId) -> bool:
        """Say whether memory knows that there is no such event."""
        try:
            return self._group.stream.find(event_id) is None
        except KeyError:
            return False

    def at(self, event_id: EventId) -> None:
        try:
            event = self.found[event_id] = self._group.stream.find(event_id)
        except KeyError:
            self._unknown.append(event_id)
        else:
            self._bytes_count += 0 if event is None else event.size

    def settle(self) -> None:
        """See that all was found. Raises Unsettled."""
        if self.found or self._unknown:
            check_is_settled(self._group)
        if self._unknown:
            self._draft.pick(self._group.stream, tuple(self._unknown))
            raise Unsettled
