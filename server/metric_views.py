"""What the metrics page shows of a server: its queues, streams and groups in plain numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from msgspec import Struct, field

from penstock.jobs.counters import (
    EventCounters,
    Histogram,
    QueueCounters,
    ScheduleCounters,
    TriggerCounters,
)

# The row of all others. A queue or a stream of this very name is counted with them.
OTHER: Final = "other"


class QueueView(Struct, frozen=True):
    """One queue at this moment."""

    name: str
    counters: QueueCounters
    ready: int
    scheduled: int
    claimed: int
    waiting: Histogram  # Seconds from due to claimed.
    running: Histogram  # Seconds from claimed to completed or failed.
    blocked: int = 0
    paused: int = 0  # 1 or 0; of several queues together how many are.
    submissions_waiting: int = 0  # They found no room.

    @property
    def key(self) -> str:
        return self.name

    @property
    def weight(self) -> int:
        return self.counters.submitted + self.counters.claimed


class StreamView(Struct, frozen=True):
    """One stream at this moment."""

    name: str
    length: int
    last_offset: int

    @property
    def key(self) -> str:
        return self.name

    @property
    def weight(self) -> int:
        return self.last_offset


class GroupView(Struct, frozen=True):
    """One group at this moment."""

    stream: str
    name: str
    read: int  # Events it was given in all, as far as is known.
    lag: int | None  # None: deletions keep it unknown.
    pending: int

    @property
    def key(self) -> tuple[str, str]:
        return self.stream, self.name

    @property
    def weight(self) -> int:
        return self.read


class EventsView(Struct, frozen=True):
    """The event log, and what it sets off, at this moment."""

    counters: EventCounters = field(default_factory=EventCounters)
    streams: Sequence[StreamView] = ()
    groups: Sequence[GroupView] = ()
    readers_waiting: int = 0  # Reads that are parked until there is an event.
    requests_waiting: int = 0  # They are decided with one of the next commits.
    triggers: int = 0
    triggers_waiting: int = 0  # The job of their next event was refused for now.
    trigger_counters: TriggerCounters = field(default_factory=TriggerCounters)
    schedules: int = 0
    schedule_counters: ScheduleCounters = field(default_factory=ScheduleCounters)


class ServerView(Struct, frozen=True):
    """What listens, and who works, at this moment."""

    connections: int
    connections_total: int
    requests_total: int
    replies_pending: int  # Requests that were read and are not answered yet.
    protocol_errors_total: int
    workers_alive: int  # Local worker processes.
    worker_restarts_total: int
    waiters: int  # Calls and waits that are parked until their job finishes.
    uptime_seconds: float
    disk_free_bytes: int | None = None  # None: there is no disk, or it cannot be read.
    disk_low: bool = False


# --- several together ----------------------------------------------------------------------------


def summed_queues(views: Sequence[QueueView]) -> QueueView:
    first = views[0]
    counters = QueueCounters()
    for name in QueueCounters.__struct_fields__:
        setattr(counters, name, sum(getattr(view.counters, name) for view in views))
    return QueueView(
        name=OTHER,
        counters=counters,
        ready=sum(view.ready for view in views),
        scheduled=sum(view.scheduled for view in views),
        claimed=sum(view.claimed for view in views),
        waiting=_summed_histogram(first.waiting, [view.waiting for view in views]),
        running=_summed_histogram(first.running, [view.running for view in views]),
        blocked=sum(view.blocked for view in views),
        paused=sum(view.paused for view in views),
        submissions_waiting=sum(view.submissions_waiting for view in views),
    )


def summed_streams(views: Sequence[StreamView]) -> StreamView:
    return StreamView(
        OTHER, sum(view.length for view in views), sum(view.last_offset for view in views)
    )


def summed_groups(views: Sequence[GroupView]) -> GroupView:
    lags = [view.lag for view in views if view.lag is not None]
    return GroupView(
        OTHER,
        OTHER,
        read=sum(view.read for view in views),
        lag=sum(lags) if lags else None,
        pending=sum(view.pending for view in views),
    )


def _summed_histogram(like: Histogram, histograms: list[Histogram]) -> Histogram:
    summed = Histogram(like.bounds)
    for histogram in histograms:
        assert histogram.bounds == like.bounds
        summed.counts = [a + b for a, b in zip(summed.counts, histogram.counts, strict=True)]
        summed.total += histogram.total
    return summed
