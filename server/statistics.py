"""What the metrics page and the probes read of a running server."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from penstock.jobs.counters import JournalCounters
from penstock.jobs.events.group import Group
from penstock.jobs.events.information import estimated_lag
from penstock.server.connections import Connections
from penstock.server.disk import DiskState
from penstock.server.engine import Engine
from penstock.server.metric_views import (
    EventsView,
    GroupView,
    QueueView,
    ServerView,
    StreamView,
)


class Workers(Protocol):
    """What is counted of the local worker processes."""

    @property
    def alive_count(self) -> int: ...

    @property
    def restarts_total(self) -> int: ...


class Statistics:
    """The server's numbers, as `metrics.MetricsSource` wants them."""

    def __init__(
        self, engine: Engine, connections: Connections, workers: Workers, disk: DiskState
    ) -> None:
        self._engine = engine
        self._connections = connections
        self._workers = workers
        self._disk = disk
        self._started_at = engine.clock.monotonic()

    @property
    def journal(self) -> JournalCounters:
        return self._engine.journal.counters

    def queues(self) -> Iterator[QueueView]:
        broker = self._engine.broker
        for queue in broker.queues():
            yield QueueView(
                name=queue.name,
                counters=queue.counters,
                ready=queue.ready_count,
                scheduled=queue.scheduled_count,
                claimed=queue.claimed_count,
                waiting=queue.wait_seconds,
                running=queue.run_seconds,
                blocked=queue.blocked_count,
                paused=int(queue.settings.paused),
                submissions_waiting=broker.rooms.parked.count(queue.name),
            )

    def events(self) -> EventsView:
        events = self._engine.events
        streams = events.log.streams.values()
        return EventsView(
            counters=events.log.counters,
            streams=[StreamView(each.name, each.length, each.added_count) for each in streams],
            groups=[_group(group) for each in streams for group in each.groups.values()],
            readers_waiting=events.log.reader_count,
            requests_waiting=len(events),
            triggers=len(events.triggers),
            triggers_waiting=events.triggers.waiting_count,
            trigger_counters=events.triggers.counters,
            schedules=len(events.schedules),
            schedule_counters=events.schedules.counters,
        )

    def server(self) -> ServerView:
        connections = self._connections
        return ServerView(
            connections=len(connections),
            connections_total=connections.accepted_total,
            requests_total=connections.requests_total,
            replies_pending=connections.replies_pending,
            protocol_errors_total=connections.protocol_errors_total,
            workers_alive=self._workers.alive_count,
            worker_restarts_total=self._workers.restarts_total,
            waiters=self._engine.broker.waiter_count,
            uptime_seconds=self._engine.clock.monotonic() - self._started_at,
            disk_free_bytes=self._disk.free_bytes,
            disk_low=self._disk.low is not None,
        )


def _group(group: Group) -> GroupView:
    return GroupView(
        group.stream.name,
        group.name,
        read=group.read_count or 0,
        lag=estimated_lag(group),
        pending=len(group.pending),
    )


class Readiness:
    """Whether the server works and takes jobs, with the reason if not."""

    def __init__(self, disk: DiskState) -> None:
        self.reason: str | None = "starting"
        self._disk = disk

    def unhealthy(self) -> str | None:
        """Return None: who can answer is alive, and a server whose journal failed exits."""
        return None

    def unready(self) -> str | None:
        return self.reason

    def remark(self) -> str | None:
        """Return what a server that takes requests does not do. Workers must still reach it."""
        if self._disk.low is None:
            return None
        return "the disk has too little room: submissions are refused (DISKLOW), all else goes on"
