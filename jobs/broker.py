"""The broker: decides about jobs, in memory, without I/O.

A request is checked and answered with a change (or a refusal); the change goes to the journal;
when it is durable, `apply` makes it true here and says who is to be told. What may be seen
before that: a claim. It is decided and handed out at once, and written only if its job still runs
after a moment, because losing it means no more than that the job is ready again.

Time and jitter are arguments. Changes (`take_changes`) and effects (`take_effects`) pile up until
the caller collects them, which it does after every call.
"""

from collections.abc import Collection, Container, Sequence
from typing import Final

from penstock.config.limits import CLAIM_WRITE_MS, DELAY_MS_MAX, LEASE_GRACE_MS
from penstock.jobs.bounds import Bounds
from penstock.jobs.changes import Change, Settled
from penstock.jobs.effects import Delivery, Effect, Finish, Overdue
from penstock.jobs.errors import Draining, Invalid, LeaseLost, NoJob, NoQueue, TooLarge
from penstock.jobs.leases import Lease, Leases
from penstock.jobs.model import FailedAttempt, Instant, Job, JobId, QueueName, State
from penstock.jobs.outcomes import (
    Completed,
    Outcome,
    ServerLeaves,
    WaitEnded,
    died,
    outcome_of,
)
from penstock.jobs.policy import Policy, SubmitRequest, fingerprint, strict_rank
from penstock.jobs.queue import Queue
from penstock.jobs.ready import Ready
from penstock.jobs.records import with_claim, with_due, with_failure, with_release, with_result
from penstock.jobs.retry import JitterSource, RetryAt, decide_retry
from penstock.jobs.schedule import Schedule
from penstock.jobs.store.port import Batch, Commit, JobRecord, KeyHolder, Snapshot, Submission
from penstock.jobs.transitions import FINISHED, Cause, next_state
from penstock.jobs.waits import Claim, Claimant, ConsumerId, Waiter, Waits

_SUBMITTED: Final = next_state(None, Cause.SUBMIT)
_DELAYED: Final = next_state(None, Cause.SCHEDULE)
_BOUNDS: Final = Bounds()


class Broker:
    """All jobs of one server, as far as memory holds them."""

    def __init__(self, snapshot: Snapshot, policy: Policy, bounds: Bounds = _BOUNDS) -> None:
        self.policy = policy
        self.draining = False
        self._first_id = self._next_id = int(snapshot.next_id)
        self._ready = Ready(bounds)
        self._schedule = Schedule(bounds.schedule_jobs_max)
        self._leases = Leases()
        self._waits = Waits(bounds.waiters_max)
        # Claims that are not written, the oldest first; most jobs end before theirs would be.
        self._unwritten_claims: dict[JobId, Job] = {}
        self._changes: list[Change] = []
        self._effects: list[Effect] = []
        self._restore(snapshot)

    # --- what clients ask ----------------------------------------------------------------------

    def submit(self, request: SubmitRequest, now: Instant) -> Submission:
        """Decide about a new job. It exists when the submission is durable (`stored`).

        Whether its key was used before is known to the store alone, and said then (`duplicate`).

        Raises:
            Draining, TooLarge, Invalid, Overloaded: nothing happened.
        """
        if self.draining:
            raise Draining
        policy = self.policy
        payload = request.payload
        if len(payload) > policy.payload_bytes_max:
            raise TooLarge("payload", len(payload), policy.payload_bytes_max)
        due_at = now
        if request.delay_ms is not None or request.at is not None:
            due_at = _due_at(request, now)
        self._ready.admit(request.queue)
        priority = policy.priority if request.priority is None else request.priority
        job_id = JobId(self._next_id)
        self._next_id += 1
        job = Job(
            job_id,
            request.queue,
            request.task,
            _SUBMITTED if due_at <= now else _DELAYED,
            strict_rank(priority),
            priority,
            policy.attempts_max if request.attempts_max is None else request.attempts_max,
            policy.timeout_ms if request.timeout_ms is None else request.timeout_ms,
            now,
            due_at,
            request.key,
        )
        return Submission(job, payload, b"" if request.key is None else fingerprint(request))

    def reserve_wait(self) -> None:
        """Keep a place for who submits a job and waits for it. Raises Overloaded."""
        self._waits.reserve()

    def unreserve_wait(self) -> None:
        """Give the place back, for the waiter itself or for somebody else."""
        self._waits.unreserve()

    def wait(self, waiter: Waiter, now: Instant) -> None:
        """Park a waiter until its job, which was stored just now, finishes or the wait ends.

        Raises:
            Overloaded: too many wait.
        """
        self._waits.add(waiter, now)
        self._waits.start(waiter)

    def wait_unless_finished(self, waiter: Waiter, now: Instant) -> None:
        """Park a waiter whose job may have finished, or may never have been.

        That is in the store: the caller asks for the record, after this call so that no ending is
        missed, and passes it to `settle_wait`. The wait cannot end before: however short it is,
        it finds a result that is there.

        Raises:
            Overloaded: too many wait.
        """
        self._waits.add(waiter, now)

    def settle_wait(self, waiter: Waiter, record: JobRecord | None) -> None:
        """Answer a waiter if its job had finished before it came; else its wait may end.

        Raises:
            NoJob: there is no such job; the waiter is parked no longer.
        """
        if record is None:
            if self._waits.remove(waiter):
                raise NoJob(waiter.job_id)
        elif record.job.state not in FINISHED:
            self._waits.start(waiter)
        elif self._waits.remove(waiter):
            self._effects.append(Finish(waiter, outcome_of(record)))

    def unwait(self, waiter: Waiter) -> None:
        """Forget a waiter whose caller has gone."""
        self._waits.remove(waiter)

    def current(self, job: Job) -> Job:
        """Return a job's record as it is now: the store may not have been told of its claim."""
        lease = self._leases.by_job.get(job.id)
        return job if lease is None else lease.job

    def queue(self, name: QueueName) -> Queue:
        """Return a queue. Raises NoQueue."""
        queue = self._ready.queues.get(name)
        if queue is None:
            raise NoQueue(name)
        return queue

    def queues(self) -> Collection[Queue]:
        return self._ready.queues.values()

    def parked_claims(self, name: QueueName) -> int:
        """Return how many claims wait for a job of a queue."""
        return self._ready.parked_count(name)

    @property
    def waiter_count(self) -> int:
        return self._waits.waiter_count

    def held_by(self, consumer: ConsumerId) -> list[JobId]:
        """Return the jobs that a consumer holds, in the order it claimed them."""
        return [lease.job.id for lease in self._leases.held_by(consumer)]

    @property
    def claimed_count(self) -> int:
        return len(self._leases.by_job)

    # --- what workers ask ----------------------------------------------------------------------

    def claim(self, claimant: Claimant, *, wait_ms: int, now: Instant) -> list[Claim] | None:
        """Claim what is ready, or park the claimant (None) until something is or its wait ends.

        The claims are in effect at once; their changes are written but not waited for.
        """
        if self.draining:
            return []
        jobs = self._ready.take(claimant.queues, claimant.jobs_max)
        if jobs or wait_ms == 0:
            return self._grant(claimant, jobs, now)
        self._ready.park(claimant)
        claimant.timer = self._waits.timers.add(Instant(now + wait_ms), claimant)
        return None

    def unclaim(self, claimant: Claimant) -> None:
        """Forget a parked claimant whose caller has gone."""
        self._ready.unpark(claimant)
        self._stop_timer(claimant)

    def end_claim(self, claimant: Claimant) -> None:
        """Answer a claimant with nothing if it is parked."""
        if self._ready.unpark(claimant):
            self._stop_timer(claimant)
            self._effects.append(Delivery(claimant, []))

    def complete(
        self, job_id: JobId, attempt: int, result: bytes, *, now: Instant, settled: Settled
    ) -> None:
        """End an attempt with its result.

        Raises:
            LeaseLost: the attempt does not hold the job. It may have completed it before:
                `was_completed` tells from the record.
            TooLarge: the attempt goes on; the worker should fail it.
        """
        if len(result) > self.policy.result_bytes_max:
            raise TooLarge("result", len(result), self.policy.result_bytes_max)
        lease = self._leases.find(job_id, attempt)
        if lease.settling is not None:
            _join(lease, Cause.COMPLETE, settled)
            return
        done = with_result(lease.job, now=now, keep_ms=self.policy.result_keep_ms)
        self._settle(lease, Change(Cause.COMPLETE, done, result=result, listeners=[settled]))

    def fail(
        self,
        job_id: JobId,
        attempt: int,
        error: str,
        *,
        final: bool,
        now: Instant,
        jitter: float,
        settled: Settled,
    ) -> None:
        """End an attempt that failed: it is tried again, or it was the last (always if *final*).

        Raises:
            LeaseLost: the attempt does not hold the job.
        """
        lease = self._leases.find(job_id, attempt)
        if lease.settling is not None:
            if lease.settling.cause not in (Cause.RETRY, Cause.GIVE_UP):
                raise LeaseLost(job_id, attempt)
            lease.settling.listeners.append(settled)
            return
        self._fail(lease, error, final=final, lost=False, now=now, jitter=jitter, settled=settled)

    def release(self, job_id: JobId, attempt: int, *, now: Instant, settled: Settled) -> None:
        """Give a job back without a failure. Raises LeaseLost."""
        lease = self._leases.find(job_id, attempt)
        if lease.settling is not None:
            _join(lease, Cause.RELEASE, settled)
            return
        self._release(lease, now, settled)

    def extend(self, job_id: JobId, attempt: int, lease_ms: int | None, *, now: Instant) -> int:
        """Let a lease end *lease_ms* from now (its job's timeout by default); return how long.

        Raises:
            LeaseLost: the attempt does not hold the job, or is just ending.
        """
        lease = self._leases.find(job_id, attempt)
        if lease.settling is not None:
            raise LeaseLost(job_id, attempt)
        lasts_ms = (lease.job.timeout_ms if lease_ms is None else lease_ms) + LEASE_GRACE_MS
        self._leases.extend(lease, Instant(now + lasts_ms))
        return lasts_ms

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
                self._fail(
                    lease, error, final=False, lost=True, now=now, jitter=jitter(), settled=None
                )

    def give_back(self, consumer: ConsumerId, *, now: Instant) -> None:
        """Release all that a consumer holds: it is in order, and leaves."""
        for lease in self._leases.held_by(consumer):
            if lease.settling is None:
                self._release(lease, now, None)

    def expire(self, job_id: JobId, attempt: int, *, now: Instant, jitter: float) -> None:
        """Fail an attempt whose lease ran out, if it still holds the job."""
        lease = self._leases.by_job.get(job_id)
        if lease is None or lease.job.attempt != attempt or lease.settling is not None:
            return
        self._ready.queue(lease.job.queue).counters.expired += 1
        error = (
            f"LeaseExpired: {lease.worker} neither finished nor extended attempt {attempt} "
            f"within {lease.job.timeout_ms} ms and {LEASE_GRACE_MS} ms of grace"
        )
        self._fail(lease, error, final=False, lost=False, now=now, jitter=jitter, settled=None)

    # --- time ----------------------------------------------------------------------------------

    def next_at(self) -> Instant | None:
        """Return when `tick` has something to do next."""
        ats = (
            self._schedule.next_at(),
            self._leases.timers.next_at(),
            self._waits.timers.next_at(),
            self._next_claim_write_at(),
        )
        return min((at for at in ats if at is not None), default=None)

    def tick(self, now: Instant) -> None:
        """Do what is due: scheduled jobs, leases that ran out, waits that end."""
        for job in self._schedule.pop_due(now):
            self._changes.append(Change(Cause.FALL_DUE, with_due(job)))
        while (claimed := self._oldest_unwritten(now)) is not None:
            self._changes.append(Change(Cause.CLAIM, self._unwritten_claims.pop(claimed)))
        for lease in self._leases.pop_overdue(now):
            self._effects.append(
                Overdue(lease.consumer, lease.worker, lease.job.id, lease.job.attempt)
            )
        for wait in self._waits.timers.pop_due(now):
            if isinstance(wait, Waiter):
                self._waits.remove(wait)
                self._effects.append(Finish(wait, WaitEnded()))
            else:
                self._ready.unpark(wait)
                self._effects.append(Delivery(wait, []))

    def drain(self) -> None:
        """Take no more submissions and hand out no more jobs; parked claims end with nothing."""
        self.draining = True
        for claimant in self._ready.parked():
            self.end_claim(claimant)

    def clock_stepped(self, step_ms: int) -> None:
        """Keep what lasts lasting as long, though the clock was set: leases, waits.

        What is due at an instant (delays, the end of retention) follows the clock.
        """
        self._leases.timers.shift(step_ms)
        self._waits.timers.shift(step_ms)
        self._changes.extend(Change(Cause.CLAIM, job) for job in self._unwritten_claims.values())
        self._unwritten_claims.clear()

    def end_waits(self) -> None:
        """Tell all who wait for a job that this server leaves."""
        self._effects.extend(Finish(waiter, ServerLeaves()) for waiter in self._waits.take_all())

    # --- what the journal reports --------------------------------------------------------------

    def stored(self, submission: Submission) -> None:
        """Let a job be: it is durable."""
        job = submission.job
        self._ready.settle_admitted(job.queue)
        queue = self._ready.queue(job.queue)
        queue.counters.submitted += 1
        if job.state is State.READY:
            self._ready.add(job, submission.payload)
        else:
            queue.scheduled_count += 1
            self._schedule.add(job)

    def duplicate(self, submission: Submission, holder: KeyHolder) -> None:
        """Take note that a submission met its key again and made no job."""
        assert submission.job.key is not None
        assert holder.job_id < submission.job.id
        self.withdraw(submission)
        queue = self._ready.queues.get(submission.job.queue)
        if queue is not None:
            queue.counters.duplicates += 1

    def withdraw(self, submission: Submission) -> None:
        """Forget a submission that was not stored."""
        self._ready.settle_admitted(submission.job.queue)

    def apply(self, change: Change) -> None:
        """Make a durable change true, once."""
        match change.cause:
            case Cause.CLAIM:
                pass  # In effect since it was decided.
            case Cause.FALL_DUE:
                del self._schedule.falling_due[change.job.id]
                self._ready.queue(change.job.queue).scheduled_count -= 1
                self._ready.add(change.job, None)
            case Cause.COMPLETE | Cause.RETRY | Cause.GIVE_UP | Cause.RELEASE:
                self._end_attempt(change)
            case _:
                raise AssertionError("a submission is not a change")

    def undo(self, change: Change, now: Instant) -> None:
        """Forget a change that could not be written; a claim stands, and is written later."""
        match change.cause:
            case Cause.CLAIM:
                lease = self._leases.by_job.get(change.job.id)
                # A later change of the job, on its way already, holds all that the claim said.
                if lease is not None and lease.settling is None:
                    self._changes.append(change)
            case Cause.FALL_DUE:
                self._schedule.put_back(change.job.id)
            case _:
                lease = self._leases.by_job[change.job.id]
                assert lease.settling is change
                lease.settling = None
                # The claim was not going to be written, as this change said it all. Now it is, in
                # case the attempt lasts: should it have been written before, that does no harm.
                self._changes.append(Change(Cause.CLAIM, lease.job))
                # Its timer may have fired meanwhile; and a change that nobody will ask for again
                # (a lost worker's) is asked for by the lease running out.
                self._leases.extend(lease, Instant(now + LEASE_GRACE_MS))

    def match(self, now: Instant) -> None:
        """Give jobs that became ready to those who wait for them."""
        for claimant, jobs in self._ready.matches():
            self._stop_timer(claimant)
            self._effects.append(Delivery(claimant, self._grant(claimant, jobs, now)))

    # --- what the broker asks of the store -----------------------------------------------------

    @property
    def has_questions(self) -> bool:
        return self._ready.has_questions or self._schedule.has_questions

    def ask(self, batch: Batch) -> None:
        """Put the questions that the windows have into a batch."""
        batch.heads = self._ready.questions()
        batch.due = self._schedule.question()

    def answer(self, batch: Batch, commit: Commit) -> None:
        for question, jobs in zip(batch.heads, commit.heads, strict=True):
            self._ready.answer(question, jobs, elsewhere=self._leases.by_job)
        if batch.due is not None:
            self._schedule.answer(batch.due, commit.due)
        for (name, state), count in commit.removed.items():
            queue = self._ready.queue(name)
            if state is State.COMPLETED:
                queue.completed_count -= count
            else:
                queue.dead_count -= count

    def ask_again(self, batch: Batch) -> None:
        """Keep the questions of a batch that failed."""
        self._ready.ask_again(batch.heads)
        if batch.due is not None:
            self._schedule.ask_again()

    def take_changes(self) -> list[Change]:
        changes, self._changes = self._changes, []
        return changes

    def take_effects(self) -> list[Effect]:
        effects, self._effects = self._effects, []
        return effects

    # --- inside --------------------------------------------------------------------------------

    def _restore(self, snapshot: Snapshot) -> None:
        for (name, state), count in snapshot.counts.items():
            queue = self._ready.queue(name)
            match state:
                case State.READY:
                    self._ready.restore(name, ready_count=count)
                case State.SCHEDULED:
                    queue.scheduled_count = count
                    self._schedule.restore()
                case State.COMPLETED:
                    queue.completed_count = count
                case State.DEAD:
                    queue.dead_count = count
                case _:
                    assert count == 0, "the store ends the leases of the last run"

    def _grant(self, claimant: Claimant, jobs: Sequence[Job], now: Instant) -> list[Claim]:
        claims = []
        for job in jobs:
            # The last run may have given out a number that was not written: nobody gets it again,
            # and the number given now is written at once.
            is_of_this_run = job.id >= self._first_id
            claimed = with_claim(job, now, skipped=0 if is_of_this_run else 1)
            self._ready.queues[job.queue].observe_claim(job.due_at, now)
            self._leases.grant(claimed, claimant.consumer, claimant.worker, now)
            if is_of_this_run:
                self._unwritten_claims[job.id] = claimed
            else:
                self._changes.append(Change(Cause.CLAIM, claimed))
            claims.append(self._ready.claim(claimed))
        return claims

    def _next_claim_write_at(self) -> Instant | None:
        for job in self._unwritten_claims.values():
            assert job.claimed_at is not None
            return Instant(job.claimed_at + CLAIM_WRITE_MS)
        return None

    def _oldest_unwritten(self, now: Instant) -> JobId | None:
        at = self._next_claim_write_at()
        return next(iter(self._unwritten_claims)) if at is not None and at <= now else None

    def _settle(self, lease: Lease, change: Change) -> None:
        lease.settling = change
        self._unwritten_claims.pop(lease.job.id, None)
        self._changes.append(change)

    def _release(self, lease: Lease, now: Instant, settled: Settled | None) -> None:
        listeners = [] if settled is None else [settled]
        self._settle(
            lease, Change(Cause.RELEASE, with_release(lease.job, now), listeners=listeners)
        )

    def _fail(
        self,
        lease: Lease,
        error: str,
        *,
        final: bool,
        lost: bool,
        now: Instant,
        jitter: float,
        settled: Settled | None,
    ) -> None:
        job = lease.job
        decision = decide_retry(
            self.policy.retry,
            failures=job.failures + 1,
            attempts_max=0 if final else job.attempts_max,
            lost=lost,
            now=now,
            jitter=jitter,
        )
        due_at = decision.due_at if isinstance(decision, RetryAt) else None
        assert job.claimed_at is not None
        change = Change(
            Cause.GIVE_UP if due_at is None else Cause.RETRY,
            with_failure(job, due_at=due_at, now=now, keep_ms=self.policy.dead_keep_ms),
            failed_attempt=FailedAttempt(
                job.id, job.attempt, lease.worker, job.claimed_at, now, error
            ),
            listeners=[] if settled is None else [settled],
        )
        self._settle(lease, change)

    def _end_attempt(self, change: Change) -> None:
        job = change.job
        lease = self._leases.by_job[job.id]
        assert lease.settling is change
        self._leases.end(lease)
        queue = self._ready.queues[job.queue]
        queue.claimed_count -= 1
        if change.failed_attempt is not None:
            queue.counters.failed += 1
            attempt = change.failed_attempt
            queue.observe_run(attempt.claimed_at, attempt.failed_at)
        match change.cause:
            case Cause.COMPLETE:
                queue.completed_count += 1
                queue.counters.completed += 1
                assert job.claimed_at is not None
                assert job.finished_at is not None
                queue.observe_run(job.claimed_at, job.finished_at)
                assert change.result is not None
                self._finish(job.id, Completed(change.result))
            case Cause.RETRY:
                queue.scheduled_count += 1
                queue.counters.retried += 1
                self._schedule.add(job)
            case Cause.GIVE_UP:
                queue.dead_count += 1
                queue.counters.dead += 1
                assert change.failed_attempt is not None
                self._finish(job.id, died(job, change.failed_attempt))
            case _:
                queue.counters.released += 1
                self._ready.add(job, None)

    def _finish(self, job_id: JobId, outcome: Outcome) -> None:
        for waiter in self._waits.take(job_id):
            self._effects.append(Finish(waiter, outcome))

    def _stop_timer(self, claimant: Claimant) -> None:
        if claimant.timer is not None:
            self._waits.timers.cancel(claimant.timer)


def _join(lease: Lease, cause: Cause, settled: Settled) -> None:
    """Let a request that was sent twice be answered with the first one."""
    assert lease.settling is not None
    if lease.settling.cause is not cause:
        raise LeaseLost(lease.job.id, lease.job.attempt)
    lease.settling.listeners.append(settled)


def _due_at(request: SubmitRequest, now: Instant) -> Instant:
    at = now + request.delay_ms if request.delay_ms is not None else request.at
    assert at is not None
    if at - now > DELAY_MS_MAX:
        raise Invalid(
            f"a job may be scheduled {DELAY_MS_MAX} ms ahead (a year), not {at - now} ms; "
            "keep later work in a schedule of your own"
        )
    return Instant(max(at, now))
