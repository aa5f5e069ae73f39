"""The attempts that run: from the claim until the change that ends it is durable.

A claim is in effect at once and is written only if its job still runs after a moment. Whatever
ends an attempt is decided here and stays its last word (`Lease.settling`) until the journal says
that it is durable (`end`) or could not be written (`undo`).
"""

from collections import Counter
from collections.abc import Callable, Container, Iterator, Mapping
from typing import Final

from msgspec.structs import replace

from penstock.config.limits import CANCEL_GRACE_MS, CLAIM_WRITE_MS, LEASE_GRACE_MS
from penstock.jobs.changes import Change, Settled
from penstock.jobs.effects import Overdue, Stop
from penstock.jobs.errors import AskedToStop, LeaseLost, TooLarge
from penstock.jobs.events.followed import Followed
from penstock.jobs.leases import Lease, Leases, Progress
from penstock.jobs.model import FailedAttempt, Instant, Job, JobId, QueueName
from penstock.jobs.policy import Policy
from penstock.jobs.queue import Queue
from penstock.jobs.records import (
    with_claim,
    with_end,
    with_failure,
    with_order,
    with_release,
    with_result,
    with_snooze,
    with_stop,
    without_key,
)
from penstock.jobs.retry import Failure, JitterSource, RetryAt, decide_retry
from penstock.jobs.transitions import Cause
from penstock.jobs.waits import Claimant, ConsumerId

_CANCELLED_BY_WORKER: Final = "its worker cancelled it"


class Attempts:
    """All attempts that run, and what is to be written of them."""

    __slots__ = (
        "_first_id",
        "_leases",
        "_policy",
        "_queue",
        "_unwritten_claims",
        "changes",
        "followed",
    )

    def __init__(
        self, policy: Policy, first_id: JobId, queue: Callable[[QueueName], Queue]
    ) -> None:
        """Take the queues by name: their terms say how long to keep what, and when to retry."""
        self.followed = Followed()
        self._policy = policy
        self._queue = queue
        self._first_id = first_id  # Of this run; smaller ids are of runs before.
        self._leases = Leases()
        # Claims that are not written, the oldest first; most jobs end before theirs would be.
        self._unwritten_claims: dict[JobId, Job] = {}
        # To be written, in the order decided; the broker adds the jobs that fall due.
        self.changes: list[Change] = []

    @property
    def claimed_count(self) -> int:
        return len(self._leases.by_job)

    @property
    def claimed_ids(self) -> Container[JobId]:
        return self._leases.by_job.keys()

    def current(self, job: Job) -> Job:
        """Return a job's record as it is now: the store may not have been told of its claim."""
        lease = self._leases.by_job.get(job.id)
        return job if lease is None else lease.job

    def of_queue(self, name: QueueName) -> list[JobId]:
        """Return the jobs of a queue that run."""
        return [lease.job.id for lease in self._leases.by_job.values() if lease.job.queue == name]

    def running_by_tenant(self, name: QueueName) -> Mapping[str, int]:
        """Return how many jobs of each tenant run in a queue."""
        jobs = (lease.job for lease in self._leases.by_job.values())
        return Counter(job.tenant for job in jobs if job.queue == name and job.tenant is not None)

    def lease(self, job_id: JobId) -> Lease | None:
        """Return who holds a job, if anybody."""
        return self._leases.by_job.get(job_id)

    def unwritten(self, queue: QueueName) -> list[Job]:
        """Return the jobs of a queue whose claims the store does not know of."""
        leases = self._leases.by_job.values()
        return [lease.job for lease in leases if lease.job.queue == queue and not lease.is_written]

    def held_by(self, consumer: ConsumerId) -> list[JobId]:
        """Return the jobs that a consumer holds, in the order it claimed them."""
        return [lease.job.id for lease in self._leases.held_by(consumer)]

    def take_changes(self) -> list[Change]:
        changes, self.changes = self.changes, []
        return changes

    # --- what workers ask ----------------------------------------------------------------------

    def grant(self, job: Job, claimant: Claimant, now: Instant) -> Job:
        """Begin the next attempt of a job; return its record."""
        # The last run may have given out a number that was not written: nobody gets it again,
        # and the number given now is written at once. So is a claim that somebody wants to see.
        is_of_this_run = job.id >= self._first_id
        claimed = with_claim(job, now, skipped=0 if is_of_this_run else 1)
        self._leases.grant(claimed, claimant.consumer, claimant.worker, now)
        if is_of_this_run and not self.followed.covers(job.queue):
            self._unwritten_claims[job.id] = claimed
        else:
            self.changes.append(Change(Cause.CLAIM, claimed))
        return claimed

    def complete(
        self, job_id: JobId, attempt: int, result: bytes, *, now: Instant, settled: Settled
    ) -> None:
        """End an attempt with its result.

        Raises:
            LeaseLost: the attempt does not hold the job. It may have completed it before:
                `was_completed` tells from the record.
            TooLarge: the attempt goes on; the worker should fail it.
        """
        if len(result) > self._policy.result_bytes_max:
            raise TooLarge("result", len(result), self._policy.result_bytes_max)
        lease = self._leases.find(job_id, attempt)
        if lease.settling is not None:
            _join(lease, Cause.COMPLETE, settled)
            return
        job = lease.job
        done = with_result(job, now=now, keep_ms=self._queue(job.queue).keep_ms(job))
        self._settle(lease, Change(Cause.COMPLETE, done, result=result, listeners=[settled]))

    def fail(
        self,
        job_id: JobId,
        attempt: int,
        failure: Failure,
        *,
        now: Instant,
        jitter: float,
        settled: Settled,
    ) -> None:
        """End an attempt that failed: it is tried again, or it was the last.

        Raises:
            LeaseLost: the attempt does not hold the job.
        """
        lease = self._leases.find(job_id, attempt)
        if lease.settling is not None:
            if lease.settling.cause not in (Cause.RETRY, Cause.GIVE_UP, Cause.CANCEL):
                raise LeaseLost(job_id, attempt)
            lease.settling.listeners.append(settled)
            return
        self._fail(lease, failure, now=now, jitter=jitter, settled=settled)

    def release(
        self, job_id: JobId, attempt: int, delay_ms: int, *, now: Instant, settled: Settled
    ) -> None:
        """Give a job back without a failure, to be run again no sooner. Raises LeaseLost."""
        lease = self._leases.find(job_id, attempt)
        if lease.settling is not None:
            if lease.settling.cause not in (Cause.RELEASE, Cause.SNOOZE, Cause.CANCEL):
                raise LeaseLost(job_id, attempt)
            lease.settling.listeners.append(settled)
            return
        self._release(lease, now, settled, delay_ms=delay_ms)

    def extend(self, job_id: JobId, attempt: int, lease_ms: int | None, *, now: Instant) -> int:
        """Let a lease end *lease_ms* from now (its job's timeout by default); return how long.

        Raises:
            LeaseLost: the attempt does not hold the job, or is just ending.
            AskedToStop: its job was cancelled.
        """
        lease = self._running(job_id, attempt)
        lasts_ms = (lease.job.timeout_ms if lease_ms is None else lease_ms) + LEASE_GRACE_MS
        self._leases.extend(lease, Instant(now + lasts_ms))
        return lasts_ms

    def progress(self, job_id: JobId, attempt: int, progress: Progress) -> None:
        """Take note how far an attempt is. Raises LeaseLost, AskedToStop."""
        self._running(job_id, attempt).progress = progress

    def output(self, job_id: JobId, attempt: int, text: str) -> None:
        """Take note of what an attempt printed. Raises LeaseLost, AskedToStop."""
        self._running(job_id, attempt).print(text)

    def stop(self, lease: Lease, reason: str, *, now: Instant, settled: Settled) -> None:
        """Ask the holder of a job to stop: it has a moment, then the job is taken from it.

        To be called for a lease that is not ending. It is on record when *settled* is told, so
        that the job is not run again, should the server die meanwhile.
        """
        assert lease.settling is None
        if lease.job.cancel_asked_at is None:
            lease.job = with_stop(lease.job, reason, now)
            self._leases.extend(lease, self._sooner(lease, Instant(now + CANCEL_GRACE_MS)))
        self._unwritten_claims.pop(lease.job.id, None)
        self.changes.append(Change(None, lease.job, listeners=[settled], rewrites=True))

    def free_key(self, lease: Lease) -> Change:
        """Take its key from a job that runs. The caller has the change written."""
        assert lease.settling is None
        assert lease.job.key is not None
        freed_key = (lease.job.key, lease.job.key_expires_at)
        lease.job = without_key(lease.job)
        self._unwritten_claims.pop(lease.job.id, None)
        return Change(None, lease.job, rewrites=True, freed_key=freed_key)

    def rank_again(self, name: QueueName, rank: Callable[[Job], int]) -> None:
        """Give the jobs that run in a queue other ranks: they wait again should the server die."""
        for lease in self._leases.by_job.values():
            job = lease.job
            if job.queue != name or lease.settling is not None or job.cancel_asked_at is not None:
                continue
            if (other := rank(job)) != job.rank:
                lease.job = with_order(job, priority=job.priority, rank=other)
                self._unwritten_claims.pop(job.id, None)
                self._write(lease, None)

    def stopped(self, job: Job) -> Stop | None:
        """Return whom to tell that a job is to stop, if it still runs."""
        lease = self._leases.by_job.get(job.id)
        if job.cancel_asked_at is None or lease is None:
            return None
        if lease.settling is not None or lease.job.attempt != job.attempt:
            return None
        return Stop(lease.consumer, lease.worker, job.id, job.attempt)

    # --- when workers are gone or late ---------------------------------------------------------

    def lose(
        self,
        consumer: ConsumerId,
        error: str,
        *,
        unstarted: Container[JobId],
        now: Instant,
        jitter: JitterSource,
    ) -> None:
        """Take back what a consumer held that is gone.

        Jobs known to be *unstarted* are released. The others fail with *error*: if they did not,
        a job that kills its worker would be tried for ever.
        """
        for lease in self._leases.held_by(consumer):
            if lease.settling is not None:
                continue
            if lease.job.id in unstarted:
                self._release(lease, now, None)
            else:
                failure = Failure(error, lost=True)
                self._fail(lease, failure, now=now, jitter=jitter(), settled=None)

    def give_back(self, consumer: ConsumerId, *, now: Instant) -> None:
        """Release all that a consumer holds: it is in order, and leaves."""
        for lease in self._leases.held_by(consumer):
            if lease.settling is None:
                self._release(lease, now, None)

    def expire(self, job_id: JobId, attempt: int, *, now: Instant, jitter: float) -> Job | None:
        """Fail an attempt whose lease ran out; return its job, None if it no longer holds it."""
        lease = self._leases.by_job.get(job_id)
        if lease is None or lease.job.attempt != attempt or lease.settling is not None:
            return None
        error = (
            f"LeaseExpired: {lease.worker} neither finished nor extended attempt {attempt} "
            f"within {lease.job.timeout_ms} ms and {LEASE_GRACE_MS} ms of grace"
        )
        self._fail(lease, Failure(error), now=now, jitter=jitter, settled=None)
        return lease.job

    # --- time ----------------------------------------------------------------------------------

    def next_write_at(self) -> Instant | None:
        """Return when the oldest unwritten claim is to be written."""
        for job in self._unwritten_claims.values():
            assert job.claimed_at is not None
            return Instant(job.claimed_at + CLAIM_WRITE_MS)
        return None

    def write_claims(self, now: Instant) -> None:
        """Have the claims written whose jobs still run after a moment."""
        while (at := self.next_write_at()) is not None and at <= now:
            oldest = next(iter(self._unwritten_claims))
            self.changes.append(Change(Cause.CLAIM, self._unwritten_claims.pop(oldest)))

    def write_all_claims(self) -> None:
        """Have all claims written that are not."""
        self.changes.extend(Change(Cause.CLAIM, job) for job in self._unwritten_claims.values())
        self._unwritten_claims.clear()

    def next_overdue_at(self) -> Instant | None:
        """Return when the next lease runs out."""
        return self._leases.timers.next_at()

    def overdue(self, now: Instant) -> Iterator[Overdue]:
        """Yield the attempts whose leases ran out, each once; they hold their jobs until ended."""
        for lease in self._leases.pop_overdue(now):
            yield Overdue(lease.consumer, lease.worker, lease.job.id, lease.job.attempt)

    def clock_stepped(self, step_ms: int) -> None:
        """Keep leases lasting as long, though the clock was set; what is unwritten is written."""
        self._leases.timers.shift(step_ms)
        self.write_all_claims()

    # --- what the journal reports --------------------------------------------------------------

    def written(self, job: Job) -> None:
        """Take note that the store knows of a claim."""
        lease = self._leases.by_job.get(job.id)
        if lease is not None and lease.job.attempt == job.attempt:
            lease.is_written = True

    def end(self, change: Change) -> None:
        """End the lease of an attempt, as the change that ends it is durable."""
        lease = self._leases.by_job[change.job.id]
        assert lease.settling is change
        self._leases.end(lease)

    def undo(self, change: Change, now: Instant) -> None:
        """Let an attempt go on whose change could not be written; a claim is written later."""
        if change.freed_key is not None:
            self._keep_key(change)
            return
        if change.cause in (Cause.CLAIM, None):
            claimed = self._leases.by_job.get(change.job.id)
            # A later change of the job, on its way already, holds all that this one said.
            if claimed is not None and claimed.settling is None:
                self._write(claimed, change.cause)
            return
        lease = self._leases.by_job[change.job.id]
        assert lease.settling is change
        lease.settling = None
        # The claim was not going to be written, as this change said it all. Now it is, in
        # case the attempt lasts.
        if not lease.is_written:
            self._write(lease, Cause.CLAIM)
        # Its timer may have fired meanwhile; and a change that nobody will ask for again
        # (a lost worker's) is asked for by the lease running out.
        self._leases.extend(lease, Instant(now + LEASE_GRACE_MS))

    def _keep_key(self, change: Change) -> None:
        """Leave its key to a job, as the submission that was to take it was not stored."""
        lease = self._leases.by_job.get(change.job.id)
        if lease is not None:
            assert change.freed_key is not None
            key, expires_at = change.freed_key
            lease.job = replace(lease.job, key=key, key_expires_at=expires_at)
            if lease.settling is None:
                self._write(lease, Cause.CLAIM)

    # --- inside --------------------------------------------------------------------------------

    def _running(self, job_id: JobId, attempt: int) -> Lease:
        """Return the lease of an attempt that may go on. Raises LeaseLost, AskedToStop."""
        lease = self._leases.find(job_id, attempt)
        if lease.settling is not None:
            raise LeaseLost(job_id, attempt)
        if lease.job.cancel_asked_at is not None:
            raise AskedToStop(job_id, attempt)
        return lease

    def _release(
        self, lease: Lease, now: Instant, settled: Settled | None, *, delay_ms: int = 0
    ) -> None:
        job = lease.job
        if job.cancel_asked_at is not None:
            self._cancel(lease, job.reason, now, settled)
            return
        listeners = [] if settled is None else [settled]
        if delay_ms:
            snoozed = with_snooze(job, Instant(now + delay_ms))
            self._settle(lease, Change(Cause.SNOOZE, snoozed, listeners=listeners))
            return
        released = with_release(job, now, rank=self._queue(job.queue).ranks.rank_again(job))
        self._settle(lease, Change(Cause.RELEASE, released, listeners=listeners))

    def _fail(
        self,
        lease: Lease,
        failure: Failure,
        *,
        now: Instant,
        jitter: float,
        settled: Settled | None,
    ) -> None:
        job = lease.job
        if job.cancel_asked_at is not None or failure.cancels:
            reason = job.reason if job.cancel_asked_at is not None else failure.error
            self._cancel(lease, reason, now, settled)
            return
        terms = self._queue(job.queue).terms
        decision = decide_retry(
            job.retry or terms.retry,
            failures=job.failures + 1,
            attempts_max=0 if failure.final else job.attempts_max,
            lost=failure.lost,
            after_ms=failure.after_ms if job.retry is None else None,
            now=now,
            jitter=jitter,
        )
        due_at = decision.due_at if isinstance(decision, RetryAt) else None
        assert job.claimed_at is not None
        change = Change(
            Cause.GIVE_UP if due_at is None else Cause.RETRY,
            with_failure(job, due_at=due_at, now=now, keep_ms=terms.dead_keep_ms),
            failed_attempt=FailedAttempt(
                job.id, job.attempt, lease.worker, job.claimed_at, now, failure.error, lease.output
            ),
            listeners=[] if settled is None else [settled],
        )
        self._settle(lease, change)

    def _cancel(
        self, lease: Lease, reason: str | None, now: Instant, settled: Settled | None
    ) -> None:
        """End an attempt whose job is not wanted any more."""
        job = lease.job
        keep_ms = self._queue(job.queue).keep_ms(job)
        first_line = (reason or _CANCELLED_BY_WORKER).partition("\n")[0]
        ended = with_end(job, Cause.CANCEL, first_line, now=now, keep_ms=keep_ms)
        listeners = [] if settled is None else [settled]
        self._settle(lease, Change(Cause.CANCEL, ended, listeners=listeners, rewrites=True))

    def _write(self, lease: Lease, cause: Cause | None) -> None:
        """Have the record written of a job that runs. Nobody waits for that."""
        self.changes.append(
            Change(cause, lease.job, rewrites=lease.job.cancel_asked_at is not None)
        )

    def _sooner(self, lease: Lease, until: Instant) -> Instant:
        assert lease.timer is not None
        return min(until, lease.timer.at)

    def _settle(self, lease: Lease, change: Change) -> None:
        lease.settling = change
        # That it was to stop may never have been written, and is part of its record.
        change.rewrites = change.rewrites or lease.job.cancel_asked_at is not None
        self._unwritten_claims.pop(lease.job.id, None)
        self.changes.append(change)


def _join(lease: Lease, cause: Cause, settled: Settled) -> None:
    """Let a request that was sent twice be answered with the first one."""
    assert lease.settling is not None
    if lease.settling.cause is not cause:
        raise LeaseLost(lease.job.id, lease.job.attempt)
    lease.settling.listeners.append(settled)
