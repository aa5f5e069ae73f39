"""What is done to jobs that nobody runs: they are cancelled, expire, get another place or life.

From the decision until it is durable such a job is in no window, so that nobody can claim it; nor
is another change of it accepted. What moves the job meanwhile (it fell due, its group let it go)
was on its way before, and only changes as what it is counted.
"""

from collections.abc import Collection, Container
from enum import Enum
from typing import Final

from penstock.jobs.attempts import Attempts
from penstock.jobs.changes import Change, Settled
from penstock.jobs.errors import Finished, NoJob, QueueLeaves
from penstock.jobs.model import FINISHED, WAITING, Instant, Job, JobId, QueueName, State
from penstock.jobs.queue import Queue
from penstock.jobs.ready import Ready
from penstock.jobs.records import with_end, with_order, with_redrive, without_key
from penstock.jobs.schedule import Schedule
from penstock.jobs.transitions import Cause

_OUTDATED: Final = "its deadline passed before it was started"
_REPLACED: Final = "replaced by a later submission under its key"

REDRIVABLE: Final = frozenset({State.DEAD, State.CANCELLED, State.EXPIRED})


class Cancelling(Enum):
    """What came of the wish to cancel a job."""

    DONE = "done"  # It will not run any more.
    TOLD = "told"  # It runs, and its worker is told.
    BUSY = "busy"  # Another change of it is on its way: ask again when that is durable.


class Revision:
    """One change, and the job as it was before."""

    __slots__ = ("before", "change")

    def __init__(self, before: Job, change: Change) -> None:
        self.before = before  # As it is in the store.
        self.change = change


class Revisions:
    """All that are on their way to the store. Records are given as the store has them now."""

    __slots__ = (
        "_attempts",
        "_by_job",
        "_forgetting",
        "_ready",
        "_schedule",
        "removed_until",
    )

    def __init__(self, ready: Ready, schedule: Schedule, attempts: Attempts) -> None:
        self._ready = ready
        self._schedule = schedule
        self._attempts = attempts
        self._by_job: dict[JobId, Revision] = {}
        self._forgetting: set[JobId] = set()
        self.removed_until = Instant(0)  # Finished jobs may have been removed up to here.

    @property
    def job_ids(self) -> Container[JobId]:
        return self._by_job.keys()

    @property
    def elsewhere(self) -> Container[JobId]:
        """Return the jobs that are claimed or being changed, which the store may not know."""
        return _Either(self._attempts.claimed_ids, self.job_ids)

    def ending_count(self, name: QueueName) -> int:
        """Return how many jobs of a queue count as waiting and are being cancelled or expire."""
        return sum(
            r.before.queue == name and r.before.state in WAITING and r.change.job.state in FINISHED
            for r in self._by_job.values()
        )

    def is_changing(self, job: Job) -> bool:
        """Say whether a change of a job is on its way that nobody runs."""
        return job.id in self._by_job

    def is_idle(self, job: Job) -> bool:
        """Say whether nobody runs a job and no change of it is on its way."""
        return job.id not in self._by_job and self._attempts.lease(job.id) is None

    # --- what people ask -----------------------------------------------------------------------

    def cancel(self, job: Job, reason: str, *, now: Instant, settled: Settled) -> Cancelling:
        """Cancel a job: at once if it waits; if it runs, its worker is told.

        Raises:
            Finished: it has ended otherwise.
            NoJob: its queue is being purged.
        """
        if job.state in WAITING and self._is_purged(job):
            raise NoJob(job.id)
        if job.id in self._by_job:
            return Cancelling.BUSY
        lease = self._attempts.lease(job.id)
        if lease is not None:
            if lease.settling is not None:
                return Cancelling.BUSY
            self._attempts.stop(lease, reason, now=now, settled=settled)
            return Cancelling.TOLD
        if job.state is State.CANCELLED:
            settled(None)
            return Cancelling.DONE
        if job.state in FINISHED:
            raise Finished(job.id, job.state)
        self.end_waiting(job, Cause.CANCEL, reason, now).listeners.append(settled)
        return Cancelling.DONE

    def redrive(self, job: Job, *, now: Instant, settled: Settled) -> bool:
        """Let a dead, cancelled or expired job run again; not while it is being changed.

        Say whether it could be decided: a purge of its queue that is under way would take it.

        Raises:
            NoJob: it is being removed.
            QueueLeaves: its queue is.
        """
        assert job.state in REDRIVABLE
        if job.id in self._by_job or self._is_purged(job):
            return False
        self._check_kept(job)
        queue = self._ready.queue(job.queue)
        if queue.is_being_deleted:
            raise QueueLeaves(job.queue)
        rank = queue.ranks.rank_again(job)
        cause = Cause.REDRIVE if job.group is None else Cause.REJOIN
        redriven = with_redrive(job, rank=rank, now=now)
        self._write(job, Change(cause, redriven, listeners=[settled], rewrites=True))
        return True

    def discard(self, job: Job) -> bool:
        """Decide that a finished job is removed now, which the caller has the journal do.

        Say whether it can be: not while it is being changed. Raises NoJob.
        """
        assert job.state in FINISHED
        if job.id in self._by_job:
            return False
        self._check_kept(job)
        self._forgetting.add(job.id)
        return True

    def forgotten(self, job_ids: Collection[JobId]) -> None:
        """Take note that discarded jobs are removed, or could not be."""
        self._forgetting.difference_update(job_ids)

    def lift(self, job: Job, priority: int) -> None:
        """Let a ready job go before, if somebody more urgent joins those who wait for it."""
        if job.state is not State.READY or priority >= job.priority or not self.is_idle(job):
            return
        if self._is_purged(job):
            return
        rank = self._ready.queue(job.queue).ranks.rank_lifted(job, priority)
        self.move(job, priority=priority, rank=rank)

    def replace(self, holder: Job, *, now: Instant) -> Change | None:
        """Take its key from a job; one that waits is cancelled. None: ask again soon.

        The change is to be written in one commit with the submission that takes the key.
        """
        if holder.id in self._by_job:
            return None
        lease = self._attempts.lease(holder.id)
        if lease is not None:
            is_changing = lease.settling is not None or lease.job.key != holder.key
            return None if is_changing else self._attempts.free_key(lease)
        if holder.state in WAITING:
            if self._is_purged(holder):
                return None
            change = self._take_out(holder, Cause.CANCEL, _REPLACED, now, frees_key=True)
            change.freed_key = (holder.key or "", holder.key_expires_at)
            return change
        if holder.id in self._forgetting or self._is_being_removed(holder):
            return None
        freed_key = (holder.key or "", holder.key_expires_at)
        change = Change(None, without_key(holder), rewrites=True, freed_key=freed_key)
        return self._begin(holder, change)

    # --- what else happens to waiting jobs -----------------------------------------------------

    def end_waiting(self, job: Job, cause: Cause, reason: str, now: Instant) -> Change:
        """Cancel a waiting job, or let it expire."""
        change = self._take_out(job, cause, reason, now)
        self._attempts.changes.append(change)
        return change

    def expire(self, job: Job, now: Instant) -> None:
        """Let a waiting job expire, unless it is waiting no longer."""
        if self.is_idle(job) and not self._is_purged(job):
            self.end_waiting(job, Cause.EXPIRE, _OUTDATED, now)

    def wait_in_place(self, queue: Queue, job: Job) -> None:
        """Let a job wait that is ready: where the order puts it, which may have changed since."""
        rank = queue.ranks.rank_again(job)
        if rank == job.rank:
            self._ready.put(queue, job, None)
        else:
            self.move(job, priority=job.priority, rank=rank)

    def move(self, job: Job, *, priority: int, rank: int) -> Change:
        """Give a ready job another place."""
        self._ready.remove(job)
        moved = with_order(job, priority=priority, rank=rank)
        change = Change(None, moved, rewrites=True)
        self._write(job, change)
        return change

    def move_running(self, queue: Queue) -> None:
        """Give the jobs that run in a queue the ranks of its order, for the time after them."""
        self._attempts.rank_again(queue.name, queue.ranks.rank_again)

    def read_again(self, queue: Queue) -> None:
        """Forget what waits in memory: it was left out of that while its queue was purged."""
        self._ready.forget_window(queue)
        self._schedule.clear()

    def before(self, job_id: JobId) -> Job | None:
        """Return a job that is being changed as it is until then."""
        revision = self._by_job.get(job_id)
        return None if revision is None else revision.before

    def moved(self, job: Job) -> bool:
        """Take note that a job came into another state; say whether it is being changed."""
        revision = self._by_job.get(job.id)
        if revision is None:
            return False
        revision.before = job
        return True

    # --- what the journal reports --------------------------------------------------------------

    def apply(self, change: Change) -> bool:
        """Make a durable change true; say whether it was one of a job that nobody runs."""
        revision = self._take(change)
        if revision is None:
            return False
        job = change.job
        queue = self._ready.queue(job.queue)
        if change.cause is None:
            self._put_back(queue, job)
            return True
        queue.add(revision.before.state, -1)
        queue.add(job.state, 1)
        if change.cause in (Cause.REDRIVE, Cause.REJOIN):
            queue.counters.redriven += 1
            queue.waiting_bytes += job.payload_bytes
            self._put_back(queue, job)
        else:
            queue.waiting_bytes -= job.payload_bytes
            queue.counters.cancelled += change.cause is Cause.CANCEL
            queue.counters.outdated += change.cause is Cause.EXPIRE
        return True

    def undo(self, change: Change) -> bool:
        """Leave a job as it was; say whether the change was one of a job that nobody runs.

        A new rank is tried again: that of an order before may be behind all others for ever.
        """
        revision = self._take(change)
        if revision is None:
            return False
        before, job = revision.before, change.job
        queue = self._ready.queue(before.queue)
        is_ranked = change.cause is None and job.priority == before.priority
        if is_ranked and job.rank != before.rank and not queue.is_purged(before):
            self.move(before, priority=job.priority, rank=job.rank)
        else:
            self._put_back(queue, before)
        return True

    # --- inside --------------------------------------------------------------------------------

    def _begin(self, before: Job, change: Change) -> Change:
        assert before.id == change.job.id
        assert before.id not in self._by_job
        self._by_job[before.id] = Revision(before, change)
        return change

    def _take(self, change: Change) -> Revision | None:
        """Take out a revision that is over; None if the change is not of one."""
        revision = self._by_job.get(change.job.id)
        if revision is None or revision.change is not change:
            return None
        del self._by_job[change.job.id]
        return revision

    def _write(self, before: Job, change: Change) -> None:
        self._attempts.changes.append(self._begin(before, change))

    def _take_out(
        self, job: Job, cause: Cause, reason: str, now: Instant, *, frees_key: bool = False
    ) -> Change:
        self._ready.remove(job)
        self._schedule.remove(job)
        keep_ms = self._ready.queue(job.queue).keep_ms(job)
        ended = with_end(job, cause, reason, now=now, keep_ms=keep_ms, frees_key=frees_key)
        return self._begin(job, Change(cause, ended, rewrites=True))

    def _put_back(self, queue: Queue, job: Job) -> None:
        """Let a job wait again that was kept from all else."""
        if queue.is_purged(job):
            return
        if job.state is State.READY:
            self._ready.put(queue, job, None)
        elif job.state is State.SCHEDULED and job.id not in self._schedule.falling_due:
            self._schedule.add(job)

    def _is_purged(self, job: Job) -> bool:
        return self._ready.queue(job.queue).is_purged(job)

    def _check_kept(self, job: Job) -> None:
        if job.id in self._forgetting or self._is_being_removed(job):
            raise NoJob(job.id)

    def _is_being_removed(self, job: Job) -> bool:
        return job.remove_at is not None and job.remove_at <= self.removed_until


class _Either:
    """Ids that are in one of two sets."""

    __slots__ = ("_first", "_second")

    def __init__(self, first: Container[JobId], second: Container[JobId]) -> None:
        self._first = first
        self._second = second

    def __contains__(self, job_id: object) -> bool:
        return job_id in self._first or job_id in self._second
