"""Whether the store may change as it does: every commit is held against what was asked for."""

from collections import Counter
from collections.abc import Mapping

from penstock.jobs.model import FINISHED, WAITING, Instant, Job, JobId, QueueName, State
from penstock.jobs.store.port import Batch
from penstock.jobs.transitions import Cause
from tests.simulation.claims import Claims
from tests.simulation.durable import Durable
from tests.simulation.ledger import Ledger

MOVES: Mapping[State, frozenset[State]] = {
    State.SCHEDULED: frozenset({State.READY, State.CANCELLED, State.EXPIRED}),
    State.BLOCKED: frozenset({State.SCHEDULED, State.READY, State.CANCELLED, State.EXPIRED}),
    State.READY: frozenset({State.CANCELLED, State.EXPIRED}),
    State.CLAIMED: frozenset(
        {State.COMPLETED, State.DEAD, State.SCHEDULED, State.READY, State.CANCELLED}
    ),
    State.COMPLETED: frozenset(),
    State.DEAD: frozenset({State.READY, State.SCHEDULED, State.BLOCKED}),
    State.CANCELLED: frozenset({State.READY, State.SCHEDULED, State.BLOCKED}),
    State.EXPIRED: frozenset({State.READY, State.SCHEDULED, State.BLOCKED}),
}
FIXED = ("queue", "task", "submitted_at", "tenant", "group", "producer", "timeout_ms")
COUNTED = {
    State.COMPLETED: ("completed",),
    State.DEAD: ("dead",),
    State.CANCELLED: ("cancelled",),
    State.EXPIRED: ("outdated",),
}


class Commits:
    """Watches all commits of a store, those included that nobody is told of."""

    def __init__(self, durable: Durable, ledger: Ledger, claims: Claims) -> None:
        self._durable = durable
        self._ledger = ledger
        self._claims = claims
        self._number = 0
        self._before: dict[JobId, Job] = {}
        # Of each queue since it came to be in memory.
        self.counters: Counter[tuple[QueueName, str]] = Counter()

    def before(self) -> None:
        """A batch is about to be written."""
        self._before = self._durable.jobs()

    def after(self, batch: Batch) -> None:
        """A batch was written."""
        self._number += 1
        jobs = self._durable.jobs()
        before = self._before
        for job_id in sorted(before.keys() | jobs.keys()):
            old, new = before.get(job_id), jobs.get(job_id)
            if old is new:
                continue
            if old is None:
                assert new is not None
                self._stored(new)
            elif new is None:
                self._went(old, batch)
            else:
                self._changed(old, new, batch)
            self._claims.moved(old, new, self._number)
        self._check_groups(jobs)

    def lapsed(self, now: Instant, keep_ms: int) -> None:
        """A server has started: the leases of the last run are ended, and nothing else changed."""
        jobs = self._durable.jobs()
        assert jobs.keys() == self._before.keys(), "what is there at the end is there at the start"
        for job_id, old in self._before.items():
            new = jobs[job_id]
            if old.state is State.CLAIMED:
                is_to_stop = old.cancel_asked_at is not None
                expected = State.CANCELLED if is_to_stop else State.READY
                assert new.state is expected, f"job {job_id} was left {new.state} by its worker"
                assert (new.attempt, new.failures) == (old.attempt, old.failures)
            elif old is not new:
                assert old.state is State.BLOCKED, f"job {job_id} changed by itself"
            self._claims.moved(old, new, self._number)
        self._check_groups(jobs)

    def _check_groups(self, jobs: Mapping[JobId, Job]) -> None:
        """Of a group one job at most is not blocked, and one is not if there is any."""
        counts: Counter[tuple[QueueName, str | None]] = Counter()
        for job in jobs.values():
            if job.group is not None and job.state not in FINISHED:
                counts[job.queue, job.group] += job.state is not State.BLOCKED
        for group, count in counts.items():
            assert count == 1, f"{count} jobs of group {group} may run"

    def _stored(self, job: Job) -> None:
        ledger = self._ledger
        assert job.id in ledger.admitted, f"job {job.id} was not submitted"
        assert job.id not in ledger.gone, f"the id {job.id} was given out twice"
        assert job.state in WAITING
        if job.key is not None:
            ledger.keys[job.key] = job.id
        self.counters[job.queue, "submitted"] += 1

    def _went(self, job: Job, batch: Batch) -> None:
        ledger = self._ledger
        name = f"job {job.id}, which is {ledger.state(job)},"
        ledger.gone.add(job.id)
        if job.state in FINISHED:
            assert job.id not in ledger.on_way, f"{name} went while it is changed"
            if job.id in batch.forgets:
                assert job.id in ledger.discards, f"{name} was not to be discarded"
                return
            assert batch.removal is not None, f"{name} went by itself"
            assert job.remove_at is not None
            assert job.remove_at <= batch.removal.until, f"{name} went too early"
            return
        assert job.id not in ledger.holds, f"{name} was purged while it runs"
        assert job.id not in ledger.on_way, f"{name} was purged while it is changed"
        assert ledger.is_purged(job), f"{name} was not to be purged"

    def _changed(self, old: Job, new: Job, batch: Batch) -> None:
        ledger, name = self._ledger, f"job {new.id}"
        for field in FIXED:
            assert getattr(old, field) == getattr(new, field), f"{field} of {name} changed"
        self._check_key(old, new, batch)
        was = ledger.state(old)
        if new.state is was or new.state is old.state is State.READY:
            assert new.failures == old.failures
            is_back = new.state is old.state is State.READY and was is State.CLAIMED
            if is_back and old.attempt != new.attempt:
                self._check_ended(old, new)  # Else it only lost its key.
            return
        assert new.state in MOVES[was], f"{name} went from {was} to {new.state}"
        assert job_is_asked(ledger, new), f"{name} is {new.state}, for which nobody asked"
        if was is State.CLAIMED:
            self._check_ended(old, new)
        else:
            redriven = old.state in FINISHED
            assert new.attempt == old.attempt
            assert new.releases == old.releases
            assert new.failures == (0 if redriven else old.failures)
            self.counters[new.queue, "redriven"] += redriven
        for counter in COUNTED.get(new.state, ()):
            self.counters[new.queue, counter] += 1

    def _check_ended(self, old: Job, new: Job) -> None:
        """The attempt that ended is the one that ran, and counts as it should."""
        hold = self._ledger.holds[new.id]
        ending = self._ledger.ending(new.id)
        if ending is None:
            return
        cause = ending.cause
        assert cause is not None
        assert new.attempt == hold.job.attempt
        failed = cause in (Cause.RETRY, Cause.GIVE_UP)
        released = cause in (Cause.RELEASE, Cause.SNOOZE)
        assert new.failures == old.failures + failed
        assert new.releases == old.releases + released
        attempts = self._durable.failed_attempts(new.id)
        assert (new.attempt in attempts) is failed
        for name, counts in (
            ("failed", failed),
            ("released", released),
            ("retried", cause is Cause.RETRY),
        ):
            self.counters[new.queue, name] += counts

    def _check_key(self, old: Job, new: Job, batch: Batch) -> None:
        """A key is given up to another job, in one and the same commit, or when its window ends."""
        if old.key == new.key:
            return
        assert old.key is not None, f"job {old.id} came by a key"
        assert new.key is None, f"job {old.id} changed its key"
        takers = [s.job.id for s in batch.submissions if s.job.key == old.key]
        takers = [job_id for job_id in takers if self._durable.job(job_id) is not None]
        name = f"job {old.id} lost its key {old.key}"
        assert takers, f"{name}, and nobody has it"
        over = old.key_expires_at is not None and old.key_expires_at <= batch.now
        # Of several who come for it at once, another than who asked may have it for a moment.
        wanted = [s.job.id for s in batch.submissions if s.job.id in self._ledger.replacing]
        asked = any(self._ledger.admitted[job_id].key == old.key for job_id in wanted)
        assert over or asked, f"{name}, for which nobody asked"


def job_is_asked(ledger: Ledger, job: Job) -> bool:
    """Say whether what became of a job was decided; a turn in a group comes by itself."""
    if job.state in (State.READY, State.SCHEDULED) and job.id not in ledger.on_way:
        return job.group is not None
    return any(change.cause is not None for change in ledger.on_way.get(job.id, ()))
