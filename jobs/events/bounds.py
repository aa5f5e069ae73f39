"""How much of its streams an event log holds in memory; the defaults are the system's limits."""

from msgspec import Struct

from penstock.config.limits import (
    AHEAD_BYTES_MAX,
    AHEAD_EVENTS_MAX,
    AHEAD_TOTAL_BYTES_MAX,
    CONSUMERS_MAX,
    EVENT_BYTES_MAX,
    EVENT_READS_BYTES_MAX,
    GROUP_PENDING_MAX,
    GROUPS_MAX,
    PENDING_EVENTS_MAX,
    PICK_EVENTS_MAX,
    RANGE_BYTES_MAX,
    RANGE_EVENTS_MAX,
    READERS_MAX,
    RECENT_BYTES_MAX,
    RECENT_EVENTS_MAX,
    RECENT_TOTAL_BYTES_MAX,
    STREAMS_MAX,
    SWEEP_ROWS_MAX,
    TRIM_EVENTS_MAX,
)


class EventBounds(Struct, frozen=True):
    """The most of each kind. Tests take small ones, so that all of them are met."""

    streams_max: int = STREAMS_MAX
    groups_max: int = GROUPS_MAX
    consumers_max: int = CONSUMERS_MAX
    group_pending_max: int = GROUP_PENDING_MAX
    pending_max: int = PENDING_EVENTS_MAX
    recent_events_max: int = RECENT_EVENTS_MAX
    recent_bytes_max: int = RECENT_BYTES_MAX
    recent_total_bytes_max: int = RECENT_TOTAL_BYTES_MAX
    ahead_events_max: int = AHEAD_EVENTS_MAX
    ahead_bytes_max: int = AHEAD_BYTES_MAX
    ahead_total_bytes_max: int = AHEAD_TOTAL_BYTES_MAX
    event_bytes_max: int = EVENT_BYTES_MAX
    range_events_max: int = RANGE_EVENTS_MAX
    range_bytes_max: int = RANGE_BYTES_MAX
    pick_events_max: int = PICK_EVENTS_MAX
    reads_bytes_max: int = EVENT_READS_BYTES_MAX
    trim_events_max: int = TRIM_EVENTS_MAX
    sweep_rows_max: int = SWEEP_ROWS_MAX
    readers_max: int = READERS_MAX
