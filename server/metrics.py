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

from penstock.config.limits import METRICS_QUEUES_MAX
from penstock.jobs.counters import Histogram, JournalCounters, QueueCounters

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"

# The row of all others. A queue of this very name is counted with them.
OTHER_QUEUES: Final = "other"


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


class MetricsSource(Protocol):
    """What a scrape reads."""

    @property
    def journal(self) -> JournalCounters: ...

    def queues(self) -> Iterable[QueueView]: ...

    def server(self) -> ServerView: ...


class Telemetry:
    """Render the metrics page from a source of plain numbers."""

    def __init__(self, source: MetricsSource, *, queue_rows_max: int = METRICS_QUEUES_MAX) -> None:
        self._source = source
        self._rows = QueueRows(queue_rows_max)
        self._process = CollectorRegistry(auto_describe=False)
        for collector in (ProcessCollector, PlatformCollector, GCCollector):
            collector(registry=self._process)

    def snapshot(self) -> "Snapshot":
        """Take what the next page shows. Call it where the numbers are written: on the loop."""
        return Snapshot(
            queues=list(self._source.queues()),
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
    rows: "QueueRows"
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


class QueueRows:
    """Decide which queues have a row of their own.

    Once decided it stays: a queue that moved between its own row and the other queues' would make
    that row's counters fall, which Prometheus takes for a restart.
    """

    def __init__(self, rows_max: int) -> None:
        self._rows_max = rows_max
        self._own: set[str] = set()
        self._folded: set[str] = {OTHER_QUEUES}

    def fold(self, views: list[QueueView]) -> list[QueueView]:
        """Return the views to show: those with their own row, and at most one for all others."""
        self._decide(views)
        rows = [view for view in views if view.name in self._own]
        others = [view for view in views if view.name not in self._own]
        return [*rows, _summed(others)] if others else rows

    def _decide(self, views: list[QueueView]) -> None:
        new = [v for v in views if v.name not in self._own and v.name not in self._folded]
        new.sort(key=lambda view: view.counters.submitted + view.counters.claimed, reverse=True)
        free = self._rows_max - len(self._own)
        self._own.update(view.name for view in new[:free])
        self._folded.update(view.name for view in new[free:])


def _summed(views: list[QueueView]) -> QueueView:
    first = views[0]
    counters = QueueCounters()
    for field in QueueCounters.__struct_fields__:
        setattr(counters, field, sum(getattr(view.counters, field) for view in views))
    return QueueView(
        name=OTHER_QUEUES,
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


def _summed_histogram(like: Histogram, histograms: list[Histogram]) -> Histogram:
    summed = Histogram(like.bounds)
    for histogram in histograms:
        assert histogram.bounds == like.bounds
        summed.counts = [a + b for a, b in zip(summed.counts, histogram.counts, strict=True)]
        summed.total += histogram.total
    return summed


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
        yield from _queue_families(self._snapshot.rows.fold(self._snapshot.queues))
        yield from _journal_families(self._snapshot.journal)
        yield from _server_families(self._snapshot.server)


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
