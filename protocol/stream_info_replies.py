"""The replies of XINFO: what there is to know of a stream, its groups and their consumers.

Names and their order are Redis' (7.2). There is no radix tree here; the names that tell of one are
kept for the clients that look for them.
"""

from collections.abc import Sequence

from msgspec import Struct

from penstock.protocol.event_ids import EventId, format_id
from penstock.protocol.replies import Value, encode
from penstock.protocol.stream_replies import Entry


class StreamView(Struct, frozen=True):
    """A stream. `first_id` is ID_MIN if it is empty; the entries are None then."""

    length: int
    last_id: EventId
    max_deleted_id: EventId
    added_count: int
    first_id: EventId
    groups_count: int
    first: Entry | None
    last: Entry | None


class GroupView(Struct, frozen=True):
    """A group. `read_count` and `lag` are None where they are not known."""

    name: str
    consumers_count: int
    pending_count: int
    last_delivered_id: EventId
    read_count: int | None
    lag: int | None


class ConsumerView(Struct, frozen=True):
    """A consumer. `inactive_ms` is None if it was never given an event."""

    name: str
    pending_count: int
    idle_ms: int
    inactive_ms: int | None


class PendingView(Struct, frozen=True):
    """A pending event."""

    id: EventId
    consumer: str
    delivered_at: int
    deliveries: int


class FullConsumerView(Struct, frozen=True):
    """A consumer, with the first ones of what is pending for it."""

    name: str
    seen_at: int
    active_at: int | None
    pending_count: int
    pending: Sequence[PendingView]


class FullGroupView(Struct, frozen=True):
    """A group, with its consumers and the first ones of what is pending."""

    group: GroupView
    pending: Sequence[PendingView]
    consumers: Sequence[FullConsumerView]


def stream_info(view: StreamView, resp3: bool) -> bytes:
    """Encode the reply to XINFO STREAM."""
    ends: dict[str, Value] = {
        "groups": view.groups_count,
        "first-entry": None if view.first is None else _event(view.first),
        "last-entry": None if view.last is None else _event(view.last),
    }
    return encode(_stream(view) | ends, resp3)


def full_stream_info(
    view: StreamView, entries: Sequence[Entry], groups: Sequence[FullGroupView], resp3: bool
) -> bytes:
    """Encode the reply to XINFO STREAM with FULL."""
    parts: dict[str, Value] = {
        "entries": [_event(entry) for entry in entries],
        "groups": [_full_group(group) for group in groups],
    }
    return encode(_stream(view) | parts, resp3)


def groups_info(views: Sequence[GroupView], resp3: bool) -> bytes:
    """Encode the reply to XINFO GROUPS."""
    return encode([_group(view) for view in views], resp3)


def consumers_info(views: Sequence[ConsumerView], resp3: bool) -> bytes:
    """Encode the reply to XINFO CONSUMERS."""
    return encode([_consumer(view) for view in views], resp3)


def _stream(view: StreamView) -> dict[str, Value]:
    return {
        "length": view.length,
        "radix-tree-keys": 0,
        "radix-tree-nodes": 0,
        "last-generated-id": format_id(view.last_id),
        "max-deleted-entry-id": format_id(view.max_deleted_id),
        "entries-added": view.added_count,
        "recorded-first-entry-id": format_id(view.first_id),
    }


def _group(view: GroupView) -> dict[str, Value]:
    return {
        "name": view.name,
        "consumers": view.consumers_count,
        "pending": view.pending_count,
        "last-delivered-id": format_id(view.last_delivered_id),
        "entries-read": view.read_count,
        "lag": view.lag,
    }


def _consumer(view: ConsumerView) -> dict[str, Value]:
    return {
        "name": view.name,
        "pending": view.pending_count,
        "idle": view.idle_ms,
        "inactive": -1 if view.inactive_ms is None else view.inactive_ms,
    }


def _full_group(view: FullGroupView) -> dict[str, Value]:
    group = view.group
    return {
        "name": group.name,
        "last-delivered-id": format_id(group.last_delivered_id),
        "entries-read": group.read_count,
        "lag": group.lag,
        "pel-count": group.pending_count,
        "pending": [
            [format_id(one.id), one.consumer, one.delivered_at, one.deliveries]
            for one in view.pending
        ],
        "consumers": [_full_consumer(consumer) for consumer in view.consumers],
    }


def _full_consumer(view: FullConsumerView) -> dict[str, Value]:
    return {
        "name": view.name,
        "seen-time": view.seen_at,
        "active-time": -1 if view.active_at is None else view.active_at,
        "pel-count": view.pending_count,
        "pending": [[format_id(one.id), one.delivered_at, one.deliveries] for one in view.pending],
    }


def _event(entry: Entry) -> Value:
    return [format_id(entry.id), list(entry.fields)]
