"""One queue: the front of its ready jobs, and its numbers."""

from penstock.jobs.counters import DURATION_SECONDS, Histogram, QueueCounters
from penstock.jobs.model import Instant, QueueName
from penstock.jobs.window import Window


class Queue:
    """The part of a queue that is in memory; the rest of its jobs is in the store."""

    __slots__ = (
        "claimed_count",
        "completed_count",
        "counters",
        "dead_count",
        "name",
        "ready",
        "ready_count",
        "run_seconds",
        "scheduled_count",
        "wait_seconds",
    )

    def __init__(self, name: QueueName, window: Window) -> None:
        self.name = name
        self.ready = window
        self.counters = QueueCounters()
        self.wait_seconds = Histogram(DURATION_SECONDS)
        self.run_seconds = Histogram(DURATION_SECONDS)
        # How many jobs are in each state, in the store and in memory together.
        self.scheduled_count = 0
        self.ready_count = 0
        self.claimed_count = 0
        self.completed_count = 0
        self.dead_count = 0

    @property
    def is_empty(self) -> bool:
        """Say whether there is no job of this queue, not even a finished one."""
        return not (
            self.scheduled_count
            or self.ready_count
            or self.claimed_count
            or self.completed_count
            or self.dead_count
        )

    def observe_claim(self, due_at: Instant, now: Instant) -> None:
        self.ready_count -= 1
        self.claimed_count += 1
        self.counters.claimed += 1
        self.wait_seconds.observe(max(0, now - due_at) / 1000)

    def observe_run(self, claimed_at: Instant, ended_at: Instant) -> None:
        self.run_seconds.observe(max(0, ended_at - claimed_at) / 1000)
