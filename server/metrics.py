"""The metrics page: plain integers, read when somebody asks, in Prometheus' words.

Hot paths increment the counters of `jobs.counters`; nothing here is called before a scrape.
This is the only module that knows prometheus_client.
"""

from collections.abc import Iterable, Iterator
from typing import Final, Protocol

from msgspec import Struct
from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.exposition import generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from penstock.jobs.counters import Histogram, JournalCounters
from penstock.server.metric_rows import Rows, group_rows, queue_rows, stream_rows
from penstock.server.metric_views import (
    EventsView,
    GroupView,
    QueueView,
    ServerView,
    StreamView,
)

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"


class MetricsSource(Protocol):
    """What a scrape reads."""

    @property
    def journal(self) -> JournalCounters: ...

    def queues(self) -> Iterable[QueueView]: ...

    def events(self) -> EventsView: ...

    def server(self) -> ServerView: ...


class PageRows(Struct, frozen=True):
    """Which queues, streams and groups have rows of their own."""

    queues: Rows[QueueView]
    streams: Rows[StreamView]
    groups: Rows[GroupView]


class Telemetry:
    """Render the metrics page from a source of plain numbers."""

    def __init__(self, source: MetricsSource, rows: PageRows | None = None) -> None:
        self._source = source
        self._rows = rows or PageRows(queue_rows(), stream_rows(), group_rows())
        self._process = CollectorRegistry(auto_describe=False)
        for collector in (ProcessCollector, PlatformCollector, GCCollector):
            collector(registry=self._process)

    def snapshot(self) -> "Snapshot":
        """Take what the next page shows. Call it where the numbers are written: on the loop."""
        return Snapshot(
            queues=list(self._source.queues()),
            events=self._source.events(),
            rows=self._rows,
            journal=self._source.journal,
            server=self._source.server(),
            process=self._process,
        )


class Snapshot(Struct, frozen=True):
    """The numbers of one scrape, ready to be rendered on any thread, one page at a time.

    Counters and histograms are the live ones: a page may be an observation ahead in one of them.
    """

    queues: list[QueueView]
    events: EventsView
    rows: PageRows
    journal: JournalCounters
    server: ServerView
    process: CollectorRegistry

    def render(self) -> bytes:
        """Write the page.

        Always as plain text, which every scraper reads: in OpenMetrics a gauge
        `penstock_jobs_claimed` could not stand beside a counter `penstock_jobs_claimed_total`.
        """
        registry = CollectorRegistry(auto_describe=False)
        registry.register(_Families(self))
        registry.register(_Registered(self.process))
        return generate_latest(registry)


class _Registered(Collector):
    """Pass on what another registry collects."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry

    def collect(self) -> Iterable[Metric]:
        return self._registry.collect()


class _Families(Collector):
    """Our numbers as prometheus_client's metric families."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot

    def collect(self) -> Iterator[Metric]:
        snapshot, rows = self._snapshot, self._snapshot.rows
        events = snapshot.events
        yield from _queue_families(rows.queues.fold(snapshot.queues))
        yield from _event_families(events)
        yield from _stream_families(rows.streams.fold(events.streams))
        yield from _group_families(rows.groups.fold(events.groups))
        yield from _journal_families(snapshot.journal)
        yield from _server_families(snapshot.server)


# Field of QueueCounters, and what its name does not say.
_QUEUE_COUNTERS: Final = {
    "submitted": "Jobs accepted and durable.",
    "duplicates": "Submissions that met their idempotency key again.",
    "claimed": "Attempts given to workers.",
    "completed": "Jobs whose result is durable.",
    "failed": "Attempts that failed, by an error, a lost lease or a lost worker.",
    "retried": "Failed attempts that are tried again.",
    "dead": "Jobs whose attempts are used up.",
    "released": "Attempts given back by their worker; not failures.",
    "cancelled": "Jobs cancelled by somebody.",
    "outdated": "Jobs dropped as their deadline passed before they were started.",
    "dropped": "Jobs that a full queue dropped to make room for others.",
    "refused": "Submissions that a full queue refused.",
    "redriven": "Finished jobs that were made ready again.",
    "expired": "Leases that ran out.",
}
_QUEUE_GAUGES: Final = {
    "ready": ("penstock_jobs_ready", "Jobs that wait for a worker."),
    "scheduled": ("penstock_jobs_scheduled", "Jobs that are not due yet."),
    "blocked": ("penstock_jobs_blocked", "Jobs that wait for an earlier one of their group."),
    "claimed": ("penstock_jobs_claimed", "Jobs that a worker holds."),
    "paused": ("penstock_queue_paused", "1 while the queue gives out no jobs."),
    "submissions_waiting": (
        "penstock_submissions_waiting",
        "Submissions whose answer waits for room in the queue.",
    ),
}
_QUEUE_HISTOGRAMS: Final = {
    "waiting": ("penstock_job_wait_seconds", "From due to claimed."),
    "running": ("penstock_job_run_seconds", "From claimed to completed or failed."),
}
# Likewise of the counters of events, triggers and schedules.
_EVENT_COUNTERS: Final = {
    "appended": "Events appended and durable.",
    "delivered": "Events given to readers, to each for the first time.",
    "acknowledged": "Pending events that consumers have dealt with.",
    "trimmed": "Events removed by trims and by what a stream is to keep.",
}
_TRIGGER_COUNTERS: Final = {
    "fired": "Events whose job a trigger has submitted.",
    "skipped": "Events that did not match a trigger.",
    "refused": "Events that a trigger gave up, as their job can never be.",
    "loops": "Events that a trigger gave up, as triggers and jobs led to each other.",
}
_SCHEDULE_COUNTERS: Final = {
    "runs": "Runs of schedules whose job was submitted.",
    "skipped": "Runs that were missed, or came while the one before was not finished.",
    "refused": "Runs that were given up, as their job can never be.",
}


def _queue_families(queues: list[QueueView]) -> Iterator[Metric]:
    for field, help_text in _QUEUE_COUNTERS.items():
        counter = CounterMetricFamily(f"penstock_jobs_{field}", help_text, labels=["queue"])
        for queue in queues:
            counter.add_metric([queue.name], getattr(queue.counters, field))
        yield counter
    for field, (name, help_text) in _QUEUE_GAUGES.items():
        gauge = GaugeMetricFamily(name, help_text, labels=["queue"])
        for queue in queues:
            gauge.add_metric([queue.name], getattr(queue, field))
        yield gauge
    for field, (name, help_text) in _QUEUE_HISTOGRAMS.items():
        family = HistogramMetricFamily(name, help_text, labels=["queue"])
        for queue in queues:
            _add_histogram(family, [queue.name], getattr(queue, field))
        yield family


def _event_families(view: EventsView) -> Iterator[Metric]:
    for prefix, counters, counter_texts in (
        ("penstock_events", view.counters, _EVENT_COUNTERS),
        ("penstock_trigger", view.trigger_counters, _TRIGGER_COUNTERS),
        ("penstock_schedule", view.schedule_counters, _SCHEDULE_COUNTERS),
    ):
        for field, help_text in counter_texts.items():
            value = getattr(counters, field)
            yield CounterMetricFamily(f"{prefix}_{field}", help_text, value=value)
    gauges = {
        "penstock_streams": (len(view.streams), "Streams."),
        "penstock_groups": (len(view.groups), "Groups of all streams, those of triggers too."),
        "penstock_readers_waiting": (view.readers_waiting, "Reads parked until there are events."),
        "penstock_event_requests_waiting": (
            view.requests_waiting,
            "Requests about events that no commit holds yet.",
        ),
        "penstock_triggers": (view.triggers, "Triggers."),
        "penstock_triggers_waiting": (
            view.triggers_waiting,
            "Triggers that wait, as a job was refused for now.",
        ),
        "penstock_schedules": (view.schedules, "Schedules."),
    }
    for name, (number, help_text) in gauges.items():
        yield GaugeMetricFamily(name, help_text, value=number)


def _stream_families(streams: list[StreamView]) -> Iterator[Metric]:
    length = GaugeMetricFamily("penstock_stream_length", "Events there are.", labels=["stream"])
    offset = GaugeMetricFamily(
        "penstock_stream_last_offset", "Offset of the last event.", labels=["stream"]
    )
    for stream in streams:
        length.add_metric([stream.name], stream.length)
        offset.add_metric([stream.name], stream.last_offset)
    yield length
    yield offset


def _group_families(groups: list[GroupView]) -> Iterator[Metric]:
    labels = ["stream", "group"]
    lag = GaugeMetricFamily("penstock_group_lag", "Events it was not given yet.", labels=labels)
    pending = GaugeMetricFamily(
        "penstock_group_pending", "Events given and not acknowledged.", labels=labels
    )
    for group in groups:
        if group.lag is not None:
            lag.add_metric([group.stream, group.name], group.lag)
        pending.add_metric([group.stream, group.name], group.pending)
    yield lag
    yield pending


def _journal_families(journal: JournalCounters) -> Iterator[Metric]:
    changes = HistogramMetricFamily("penstock_journal_batch_changes", "Changes of one commit.")
    _add_histogram(changes, [], journal.batch_changes)
    yield changes
    seconds = HistogramMetricFamily("penstock_journal_commit_seconds", "One commit and its sync.")
    _add_histogram(seconds, [], journal.commit_seconds)
    yield seconds
    yield CounterMetricFamily(
        "penstock_journal_full", "Commits refused because there was no room.", value=journal.full
    )


def _server_families(server: ServerView) -> Iterator[Metric]:
    gauges = {
        "penstock_connections": (server.connections, "Open client connections."),
        "penstock_replies_pending": (server.replies_pending, "Requests not answered yet."),
        "penstock_waiters": (server.waiters, "Calls and waits parked until their job finishes."),
        "penstock_workers": (server.workers_alive, "Local worker processes alive."),
        "penstock_uptime_seconds": (server.uptime_seconds, "Since the server became ready."),
        "penstock_disk_free_bytes": (server.disk_free_bytes, "Free for the data directory."),
        "penstock_disk_low": (int(server.disk_low), "1 while submissions are refused for it."),
    }
    counters = {
        "penstock_connections_accepted": (server.connections_total, "Connections accepted."),
        "penstock_requests": (server.requests_total, "Requests read."),
        "penstock_protocol_errors": (
            server.protocol_errors_total,
            "Connections closed because of what they sent.",
        ),
        "penstock_worker_restarts": (
            server.worker_restarts_total,
            "Local worker processes started in place of one that ended.",
        ),
    }
    for name, (value, help_text) in gauges.items():
        yield GaugeMetricFamily(name, help_text, value=value)
    for name, (count, help_text) in counters.items():
        yield CounterMetricFamily(name, help_text, value=count)


def _add_histogram(family: HistogramMetricFamily, labels: list[str], histogram: Histogram) -> None:
    buckets: list[tuple[str, float]] = []
    below = 0
    for bound, count in zip((*histogram.bounds, float("inf")), histogram.counts, strict=True):
        below += count
        buckets.append(("+Inf" if bound == float("inf") else str(float(bound)), below))
    family.add_metric(labels, buckets=buckets, sum_value=histogram.total)
