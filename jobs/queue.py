"""One queue: the front of its ready jobs, and its numbers."""

from collections.abc import Callable, Mapping
from typing import Final

from penstock.jobs.changes import Change
from penstock.jobs.counters import DURATION_SECONDS, Histogram, QueueCounters
from penstock.jobs.front import Front
from penstock.jobs.gate import Gate
from penstock.jobs.model import FINISHED, Instant, Job, JobId, QueueName, State
from penstock.jobs.order import Ranks
from penstock.jobs.pace import Pace
from penstock.jobs.queue_settings import QueueSettings, Terms
from penstock.jobs.transitions import TRANSITIONS, Cause

# The attribute that counts the jobs of a state.
_COUNTS: Final[Mapping[State, str]] = {state: f"{state.value}_count" for state in State}
NOTHING_SET: Final = QueueSettings()
_ENDS: Final = frozenset(cause for state, cause in TRANSITIONS if state is State.CLAIMED)


class Queue:
    """The part of a queue that is in memory; the rest of its jobs is in the store."""

    __slots__ = (
        "_purging_count",
        "_spared",
        "admitted_bytes",
        "admitted_count",
        "blocked_count",
        "cancelled_count",
        "claimed_count",
        "completed_count",
        "counters",
        "dead_count",
        "expired_count",
        "gate",
        "is_being_deleted",
        "is_being_set",
        "is_bounded",
        "is_limited",
        "name",
        "needs_mark",
        "pace",
        "ranks",
        "ready",
        "ready_count",
        "run_seconds",
        "scheduled_count",
        "settings",
        "terms",
        "wait_seconds",
        "waiting_bytes",
    )

    def __init__(
        self, name: QueueName, ready: Front, settings: QueueSettings, terms: Terms
    ) -> None:
        self.name = name
        self.ready = ready
        self.settings = settings  # What QUEUE.SET stored.
        self._spared: frozenset[JobId] = frozenset()
        self._purging_count = 0  # Jobs that a purge takes and that are not removed yet.
        self.terms = terms  # What is in force.
        self.ranks = Ranks(terms)
        self.gate = Gate(terms)
        self.is_bounded = False  # There is a limit on what waits.
        self.is_limited = False  # It may hold back jobs that are ready.
        self.needs_mark = False  # Its ranks are not of the order that its settings tell.
        self.pace = Pace()
        self.is_being_deleted = False
        self.is_being_set = False  # What was decided about it is on its way to the store.
        # Submissions that were let in and are not stored yet.
        self.admitted_count = 0
        self.admitted_bytes = 0
        # Payloads of waiting jobs. Of those from before the start it is known only where a limit
        # asks for it.
        self.waiting_bytes = 0
        self.retermed(settings, terms)
        self.counters = QueueCounters()
        self.wait_seconds = Histogram(DURATION_SECONDS)
        self.run_seconds = Histogram(DURATION_SECONDS)
        # How many jobs are in each state, in the store and in memory together.
        self.scheduled_count = 0
        self.blocked_count = 0
        self.ready_count = 0
        self.claimed_count = 0
        self.completed_count = 0
        self.dead_count = 0
        self.cancelled_count = 0
        self.expired_count = 0

    @property
    def is_known(self) -> bool:
        """Say whether something durable is, or was, of this queue; not if it is only asked for."""
        return bool(self.counters.submitted) or not self._is_empty

    @property
    def is_unused(self) -> bool:
        """Say whether nothing is of this queue: no job, not even a finished one, no setting."""
        return self._is_empty and not self.admitted_count and not self.is_being_set

    @property
    def is_in_use(self) -> bool:
        """Say whether it holds jobs that are not finished, or some are on their way to it."""
        return bool(self.waiting_count or self.claimed_count or self.admitted_count)

    @property
    def _is_empty(self) -> bool:
        return not (
            self.waiting_count
            or self.claimed_count
            or self.finished_count
            or self.settings != NOTHING_SET
        )

    def retermed(
        self, settings: QueueSettings, terms: Terms, running: Callable[[], Mapping[str, int]] = dict
    ) -> None:
        """Put other settings in force, given how many jobs of each tenant run."""
        self.mark(settings)
        self.terms = terms
        self.ranks.retermed(terms)
        self.gate.retermed(terms)
        self.ready.retermed(terms.tenant_concurrency_max, running)
        self.is_bounded = terms.is_bounded
        self.is_limited = not self.gate.is_free or terms.tenant_concurrency_max is not None
        self.needs_mark = terms.rank_mark != settings.ranked

    def mark(self, settings: QueueSettings) -> None:
        """Take what was decided, of which the purge is in force at once."""
        self.settings = settings
        self._spared = frozenset(settings.spared)

    def letting_in(self, payload_bytes: int) -> None:
        """Count a submission that is on its way to the store."""
        self.admitted_count += 1
        self.admitted_bytes += payload_bytes

    def stored(self, payload_bytes: int) -> None:
        """Count a submission that was let in and is stored."""
        self.admitted_count -= 1
        self.admitted_bytes -= payload_bytes
        self.waiting_bytes += payload_bytes
        self.counters.submitted += 1

    def let_in(self, payload_bytes: int) -> None:
        """Count a submission no longer that will never be stored."""
        self.admitted_count -= 1
        self.admitted_bytes -= payload_bytes

    def is_purged(self, job: Job | JobId) -> bool:
        """Say whether a purge that is under way takes a waiting job."""
        until = self.settings.purged_until
        if not until:
            return False
        job_id = job.id if isinstance(job, Job) else job
        return job_id <= until and job_id not in self._spared

    def keep_ms(self, job: Job) -> int:
        """Return how long a job is kept once it ended, unless it is dead."""
        return self.terms.keep_ms if job.keep_ms is None else job.keep_ms

    def take_all(self, count: int) -> int:
        """Take note that a purge begins that takes so many jobs; return how many it takes first.

        The others were taken by the one that is under way.
        """
        before = self._purging_count if self.settings.purged_until else 0
        self._purging_count = count
        return max(0, count - before)

    def add_purged(self, state: State, count: int) -> None:
        """Count jobs that a purge takes, or that it has removed if *count* is negative."""
        self.add(state, count)
        self._purging_count = max(0, self._purging_count + count)

    @property
    def waiting_count(self) -> int:
        return self.scheduled_count + self.blocked_count + self.ready_count

    @property
    def finished_count(self) -> int:
        return self.completed_count + self.dead_count + self.cancelled_count + self.expired_count

    def count(self, state: State) -> int:
        """Return how many jobs are in a state."""
        count: int = getattr(self, _COUNTS[state])
        return count

    def add(self, state: State, count: int) -> None:
        """Count jobs that are in a state from now on, or no longer if *count* is negative."""
        setattr(self, _COUNTS[state], self.count(state) + count)

    def restore(self, state: State, count: int) -> None:
        """Set how many jobs are in a state at the start."""
        assert state is not State.CLAIMED or count == 0, "the store ends the leases of the last run"
        setattr(self, _COUNTS[state], count)

    def removed(self, state: State, count: int) -> None:
        """Take note that the store removed finished jobs."""
        assert state in FINISHED, "only finished jobs are removed"
        self.add(state, -count)

    def observe_claim(self, job: Job, now: Instant) -> None:
        """Count a claim."""
        self.ready_count -= 1
        self.waiting_bytes -= job.payload_bytes
        self.pace.note(now)
        self.ranks.served(job)
        if not self.gate.is_free:
            self.gate.took(now)
        self.claimed_count += 1
        self.counters.claimed += 1
        self.wait_seconds.observe(max(0, now - job.due_at) / 1000)

    def observe_end(self, change: Change) -> None:
        """Count an attempt that ended; a job that is ready again is counted as it is added."""
        job = change.job
        counters = self.counters
        cause = change.cause
        assert cause in _ENDS, f"{cause} does not end an attempt"
        self.claimed_count -= 1
        if self.is_limited:
            self.ready.ended(job.tenant)
        if change.failed_attempt is not None:
            counters.failed += 1
            self._observe_run(change.failed_attempt.claimed_at, change.failed_attempt.failed_at)
        if cause is Cause.COMPLETE:
            self.completed_count += 1
            counters.completed += 1
            assert job.claimed_at is not None
            assert job.finished_at is not None
            self._observe_run(job.claimed_at, job.finished_at)
        elif cause is Cause.RETRY:
            self.scheduled_count += 1
            counters.retried += 1
        elif cause is Cause.GIVE_UP:
            self.dead_count += 1
            counters.dead += 1
        elif cause is Cause.CANCEL:
            self.cancelled_count += 1
            counters.cancelled += 1
        else:
            self.scheduled_count += cause is Cause.SNOOZE
            counters.released += 1

    def _observe_run(self, claimed_at: Instant, ended_at: Instant) -> None:
        self.run_seconds.observe(max(0, ended_at - claimed_at) / 1000)
