"""One queue: the front of its ready jobs, and its numbers."""

from typing import assert_never

from penstock.jobs.changes import Change
from penstock.jobs.counters import DURATION_SECONDS, Histogram, QueueCounters
from penstock.jobs.model import Instant, QueueName, State
from penstock.jobs.transitions import Cause
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

    def restore(self, state: State, count: int) -> None:
        """Set how many jobs are in a state at the start."""
        match state:
            case State.READY:
                self.ready_count = count
            case State.SCHEDULED:
                self.scheduled_count = count
            case State.COMPLETED:
                self.completed_count = count
            case State.DEAD:
                self.dead_count = count
            case State.CLAIMED:
                assert count == 0, "the store ends the leases of the last run"
            case _:
                assert_never(state)

    def removed(self, state: State, count: int) -> None:
        """Take note that the store removed finished jobs."""
        match state:
            case State.COMPLETED:
                self.completed_count -= count
            case State.DEAD:
                self.dead_count -= count
            case State.SCHEDULED | State.READY | State.CLAIMED:
                raise AssertionError("only finished jobs are removed")
            case _:
                assert_never(state)

    def observe_claim(self, due_at: Instant, now: Instant) -> None:
        self.ready_count -= 1
        self.claimed_count += 1
        self.counters.claimed += 1
        self.wait_seconds.observe(max(0, now - due_at) / 1000)

    def observe_end(self, change: Change) -> None:
        """Count an attempt that ended; a job that is ready again is counted as it is added."""
        job = change.job
        counters = self.counters
        self.claimed_count -= 1
        if change.failed_attempt is not None:
            counters.failed += 1
            self._observe_run(change.failed_attempt.claimed_at, change.failed_attempt.failed_at)
        match change.cause:
            case Cause.COMPLETE:
                self.completed_count += 1
                counters.completed += 1
                assert job.claimed_at is not None
                assert job.finished_at is not None
                self._observe_run(job.claimed_at, job.finished_at)
            case Cause.RETRY:
                self.scheduled_count += 1
                counters.retried += 1
            case Cause.GIVE_UP:
                self.dead_count += 1
                counters.dead += 1
            case Cause.RELEASE:
                counters.released += 1
            case Cause.SUBMIT | Cause.SCHEDULE | Cause.FALL_DUE | Cause.CLAIM:
                raise AssertionError(f"{change.cause} does not end an attempt")
            case _:
                assert_never(change.cause)

    def _observe_run(self, claimed_at: Instant, ended_at: Instant) -> None:
        self.run_seconds.observe(max(0, ended_at - claimed_at) / 1000)
