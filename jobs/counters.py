"""Plain integers that the hot paths increment and the metrics page reads.

A histogram's bounds are upper edges in the histogram's own unit; `counts` has one bucket more,
for what lies above the last edge. Counts are per bucket, not cumulative.
"""

from bisect import bisect_left

from msgspec import Struct

# Seconds, from a tenth of a millisecond to an hour: waits and runs of jobs.
DURATION_SECONDS: tuple[float, ...] = (
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5,
    1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0, 3600.0,
)  # fmt: skip
COMMIT_SECONDS: tuple[float, ...] = (
    0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0,
)  # fmt: skip
BATCH_SIZES: tuple[float, ...] = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096)


class Histogram:
    """Count observations by bucket."""

    __slots__ = ("bounds", "counts", "total")

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.total = 0.0

    def observe(self, value: float) -> None:
        self.counts[bisect_left(self.bounds, value)] += 1
        self.total += value


class QueueCounters(Struct):
    """What happened in one queue since the server started."""

    submitted: int = 0
    duplicates: int = 0  # Submissions that met their key again.
    claimed: int = 0
    completed: int = 0
    failed: int = 0  # Attempts that failed.
    retried: int = 0  # ... and are tried again.
    dead: int = 0  # ... and were the last.
    released: int = 0  # Given back: not failures.
    cancelled: int = 0
    outdated: int = 0  # Dropped as their deadline passed before they were started.
    dropped: int = 0  # Cancelled by a full queue, to make room for others.
    refused: int = 0  # Submissions that a full queue refused.
    redriven: int = 0
    expired: int = 0  # Leases that ran out; each is a failure too.


class EventCounters(Struct):
    """What happened to events since the server started, as far as it is durable."""

    appended: int = 0
    delivered: int = 0  # To each who reads them; what is given again is not counted.
    acknowledged: int = 0
    trimmed: int = 0


class TriggerCounters(Struct):
    """What triggers did with events since the server started."""

    fired: int = 0
    skipped: int = 0  # They did not match.
    refused: int = 0  # No job will ever be made of them.
    loops: int = 0


class ScheduleCounters(Struct):
    """What became of the runs of schedules since the server started."""

    runs: int = 0
    skipped: int = 0
    refused: int = 0  # Their jobs will never be.


class JournalCounters:
    """What the journal did since the server started."""

    __slots__ = ("batch_changes", "commit_seconds", "full")

    def __init__(self) -> None:
        self.batch_changes = Histogram(BATCH_SIZES)
        self.commit_seconds = Histogram(COMMIT_SECONDS)
        self.full = 0  # Commits refused because there was no room.
