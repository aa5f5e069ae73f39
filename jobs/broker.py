"""The broker: decides about jobs, in memory, without I/O.

A request is checked and answered with a change (or a refusal); the change goes to the journal;
when it is durable, `apply` makes it true here and says who is to be told. What may be seen
before that: a claim. It is decided and handed out at once, and written only if its job still runs
after a moment, because losing it means no more than that the job is ready again.

It is put together from parts, none of which calls another, and passes a job from one to the next:
what is not due (`Schedule`), what may be claimed (`Ready`), what runs (`Attempts`); and tells
those who wait for its end (`Waits`).

Time and jitter are arguments. Changes (`take_changes`) and effects (`take_effects`) pile up until
the caller collects them, which it does after every call.
"""

from collections.abc import Container, Sequence
from types import MappingProxyType
from typing import Final

from penstock.jobs.administration import Administration, Defaults, TermsBook
from penstock.jobs.attempts import Attempts
from penstock.jobs.bounds import Bounds
from penstock.jobs.changes import Change, Settled
from penstock.jobs.effects import Delivery, Effect, Finish, RoomAgain
from penstock.jobs.errors import DiskLow, Draining, NoJob, NoQueue, QueueLeaves
from penstock.jobs.expiry import Expiry
from penstock.jobs.leases import Lease, Progress
from penstock.jobs.model import FINISHED, Instant, Job, JobId, QueueName, State
from penstock.jobs.outcomes import (
    Cancelled,
    Completed,
    Outcome,
    ServerLeaves,
    WaitEnded,
    died,
    ended_early,
    outcome_of,
)
from penstock.jobs.policy import Policy, SubmitRequest
from penstock.jobs.queue import Queue
from penstock.jobs.queue_settings import Order
from penstock.jobs.ready import Ready
from penstock.jobs.records import with_due
from penstock.jobs.retry import Failure, JitterSource
from penstock.jobs.revisions import Revisions
from penstock.jobs.rooms import Rooms
from penstock.jobs.schedule import Schedule
from penstock.jobs.space import LowSpace
from penstock.jobs.store.port import (
    Batch,
    Commit,
    JobEnd,
    KeyHolder,
    Purged,
    PurgeSlice,
    Snapshot,
    Submission,
)
from penstock.jobs.submission import decide_submission
from penstock.jobs.timers import soonest
from penstock.jobs.transitions import Cause
from penstock.jobs.waits import Claim, Claimant, ConsumerId, Waiter, Waits

_BOUNDS: Final = Bounds()
_NO_DEFAULTS: Final[Defaults] = MappingProxyType({})
_PURGED: Final = "its queue was purged"


class Broker:
    """All jobs of one server, as far as memory holds them."""

    def __init__(
        self,
        snapshot: Snapshot,
        policy: Policy,
        bounds: Bounds = _BOUNDS,
        defaults: Defaults = _NO_DEFAULTS,
    ) -> None:
        """Take what the store knows, and the settings of all queues and of single ones."""
        self.policy = policy
        self.draining = False
        self.disk_low: LowSpace | None = None  # Set while there is too little room for more jobs.
        book = TermsBook(policy, defaults)
        self._next_id = int(snapshot.next_id)
        self._ready = Ready(bounds, book.terms)
        self._schedule = Schedule(bounds.schedule_jobs_max)
        self._attempts = Attempts(policy, snapshot.next_id, self._ready.queue)
        self.followed = self._attempts.followed
        self.revisions = Revisions(self._ready, self._schedule, self._attempts)
        self.administration = Administration(
            book, self._ready, self.revisions, self._attempts.running_by_tenant
        )
        self.rooms = Rooms(
            self._ready,
            self.revisions,
            priority=policy.priority,
            parked_max=bounds.parked_submissions_max,
        )
        self._waits = Waits(bounds.waiters_max)
        self._effects: list[Effect] = []
        self.losses: list[Change] = []  # Jobs that ended without success; for who takes them.
        self._expiry = Expiry(self.revisions)
        self._restore(snapshot)

    # --- what clients ask ----------------------------------------------------------------------

    def submit(self, request: SubmitRequest, now: Instant, *, waited: bool = False) -> Submission:
        """Decide about a new job. It exists when the submission is durable (`stored`).

        Whether its key was used before is known to the store alone, and said then (`duplicate`).
        One that has *waited* for room does not wait behind those that still do.

        Raises:
            Draining, DiskLow, TooLarge, Invalid, Overloaded, QueueFull, QueueLeaves: nothing
                happened.
        """
        if self.draining:
            raise Draining
        if self.disk_low is not None:
            raise DiskLow(self.disk_low)
        queue = self._ready.queues.get(request.queue) or self._ready.admit(request.queue)
        if queue.is_being_deleted:
            raise QueueLeaves(queue.name)
        if queue.is_bounded:
            self.rooms.check(queue, request, now, waited=waited)
        if queue.needs_mark:
            self.administration.mark_ranks(queue)
        submission = decide_submission(request, self.policy, queue, JobId(self._next_id), now)
        queue.letting_in(len(request.payload))
        self._next_id += 1
        return submission

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

        That is in the store: the caller asks for its end, after this call so that no ending is
        missed, and passes it to `settle_wait`. The wait cannot end before: however short it is,
        it finds a result that is there.

        Raises:
            Overloaded: too many wait.
        """
        self._waits.add(waiter, now)

    def settle_wait(self, waiter: Waiter, end: JobEnd | None) -> None:
        """Answer a waiter if its job had finished before it came; else its wait may end.

        Raises:
            NoJob: there is no such job; the waiter is parked no longer.
        """
        if end is None:
            if self._waits.remove(waiter):
                raise NoJob(waiter.job_id)
        elif end.job.state not in FINISHED:
            self._waits.start(waiter)
        elif self._waits.remove(waiter):
            self._effects.append(Finish(waiter, outcome_of(end)))

    def unwait(self, waiter: Waiter) -> None:
        """Forget a waiter whose caller has gone."""
        self._waits.remove(waiter)

    def current(self, job: Job) -> Job:
        """Return a job's record as it is now, which may be ahead of the store's."""
        return self._attempts.current(job)

    def queue(self, name: QueueName) -> Queue:
        """Return a queue. Raises NoQueue."""
        queue = self._ready.queues.get(name)
        if queue is None or not queue.is_known:
            raise NoQueue(name)
        return queue

    def queues(self) -> list[Queue]:
        return [queue for queue in self._ready.queues.values() if queue.is_known]

    def parked_claims(self, name: QueueName) -> int:
        """Return how many claims wait for a job of a queue."""
        return self._ready.parked_count(name)

    @property
    def waiter_count(self) -> int:
        return self._waits.waiter_count

    def held_by(self, consumer: ConsumerId) -> list[JobId]:
        """Return the jobs that a consumer holds, in the order it claimed them."""
        return self._attempts.held_by(consumer)

    @property
    def claimed_count(self) -> int:
        return self._attempts.claimed_count

    # --- what people ask -----------------------------------------------------------------------

    def purge(self, name: QueueName, settled: Settled) -> int:
        """Begin to remove all that waits in a queue; return how many jobs that are.

        What runs goes on, and is spared when it is given back or tried again. What is on its way
        from one waiting state to another is written before the purge begins, and is not spared.

        Raises:
            NoQueue: there is no such queue.
        """
        queue = self.administration.queue(name)
        until, spared = JobId(self._next_id - 1), self._attempts.of_queue(name)
        taken_count = queue.take_all(queue.waiting_count - self.revisions.ending_count(name))
        self.administration.purge(queue, until, spared, settled)
        return taken_count

    # --- what workers ask ----------------------------------------------------------------------

    def claim(self, claimant: Claimant, *, wait_ms: int, now: Instant) -> list[Claim] | None:
        """Claim what is ready, or park the claimant (None) until something is or its wait ends.

        The claims are in effect at once; their changes are written but not waited for.
        """
        if self.draining:
            return []
        jobs = self._ready.take(claimant.queues, claimant.jobs_max, now)
        self._expire_outdated(now)
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
        """End an attempt with its result. Raises LeaseLost, TooLarge."""
        self._attempts.complete(job_id, attempt, result, now=now, settled=settled)

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
        """End an attempt that failed. Raises LeaseLost."""
        self._attempts.fail(job_id, attempt, failure, now=now, jitter=jitter, settled=settled)

    def release(
        self, job_id: JobId, attempt: int, *, now: Instant, settled: Settled, delay_ms: int = 0
    ) -> None:
        """Give a job back without a failure. Raises LeaseLost."""
        self._attempts.release(job_id, attempt, delay_ms, now=now, settled=settled)

    def progress(self, job_id: JobId, attempt: int, progress: Progress) -> None:
        """Take note how far an attempt is. Raises LeaseLost, AskedToStop."""
        self._attempts.progress(job_id, attempt, progress)

    def output(self, job_id: JobId, attempt: int, text: str) -> None:
        """Take note of what an attempt printed. Raises LeaseLost, AskedToStop."""
        self._attempts.output(job_id, attempt, text)

    def lease(self, job_id: JobId) -> Lease | None:
        """Return who holds a job, if anybody."""
        return self._attempts.lease(job_id)

    def extend(self, job_id: JobId, attempt: int, lease_ms: int | None, *, now: Instant) -> int:
        """Let a lease end later; return how long it lasts from now. Raises LeaseLost."""
        return self._attempts.extend(job_id, attempt, lease_ms, now=now)

    def lose(
        self,
        consumer: ConsumerId,
        error: str,
        *,
        unstarted: Container[JobId],
        now: Instant,
        jitter: JitterSource,
    ) -> None:
        """Take back what a consumer held that is gone; what was *unstarted* has not failed."""
        self._attempts.lose(consumer, error, unstarted=unstarted, now=now, jitter=jitter)

    def give_back(self, consumer: ConsumerId, *, now: Instant) -> None:
        """Release all that a consumer holds: it is in order, and leaves."""
        self._attempts.give_back(consumer, now=now)

    def expire(self, job_id: JobId, attempt: int, *, now: Instant, jitter: float) -> None:
        """Fail an attempt whose lease ran out, if it still holds the job."""
        job = self._attempts.expire(job_id, attempt, now=now, jitter=jitter)
        if job is not None:
            self._ready.queue(job.queue).counters.expired += 1

    # --- time ----------------------------------------------------------------------------------

    def next_at(self, now: Instant) -> Instant | None:
        """Return when `tick` has something to do next."""
        return soonest(
            self._schedule.next_at(),
            self._attempts.next_overdue_at(),
            self._waits.timers.next_at(),
            self._attempts.next_write_at(),
            self._ready.next_at(now),
        )

    def tick(self, now: Instant) -> None:
        """Do what is due: scheduled jobs, leases that ran out, waits that end."""
        for job in self._schedule.pop_due(now, gone=self._is_purged):
            rank = self._ready.queue(job.queue).ranks.rank_again(job)
            self._attempts.changes.append(Change(Cause.FALL_DUE, with_due(job, rank=rank)))
        self._attempts.write_claims(now)
        self._effects.extend(self._attempts.overdue(now))
        for wait in self._waits.timers.pop_due(now):
            if isinstance(wait, Waiter):
                self._waits.remove(wait)
                self._effects.append(Finish(wait, WaitEnded()))
            else:
                self._ready.unpark(wait)
                self._effects.append(Delivery(wait, []))
        self._ready.tick(now)
        self.match(now)

    def write_claims(self) -> None:
        """Have all claims written, for those who ask the store what is claimed."""
        self._attempts.write_all_claims()

    def expires_before(self, now: Instant) -> bool:
        """Say whether jobs may have expired that nobody claims: then the store is to be asked."""
        return self._expiry.is_due(now)

    def expire_waiting(self, jobs: Sequence[Job], *, all_told: bool, now: Instant) -> None:
        """End the waiting jobs that expired, of those that the store says do so next."""
        self._expiry.expire(jobs, all_told=all_told, now=now)

    def drain(self) -> None:
        """Take no more submissions and hand out no more jobs.

        Parked claims end with nothing, and submissions that wait for room are refused.
        """
        self.draining = True
        for claimant in self._ready.parked():
            self.end_claim(claimant)
        self._effects.extend(RoomAgain(token) for token in self.rooms.parked.tokens())

    def clock_stepped(self, step_ms: int) -> None:
        """Keep what lasts lasting as long, though the clock was set: leases, waits.

        What is due at an instant (delays, the end of retention) follows the clock.
        """
        self._attempts.clock_stepped(step_ms)
        self._waits.timers.shift(step_ms)

    def end_waits(self) -> None:
        """Tell all who wait for a job that this server leaves."""
        self._effects.extend(Finish(waiter, ServerLeaves()) for waiter in self._waits.take_all())

    # --- what the journal reports --------------------------------------------------------------

    def stored(self, submission: Submission, *, blocked: bool = False) -> None:
        """Let a job be: it is durable. It is *blocked* if its group has others before it."""
        job = submission.job
        queue = self._ready.queues[job.queue]
        queue.stored(job.payload_bytes)
        if job.expires_at is not None:
            self._expiry.look_at(job.expires_at)
        if queue.settings.purged_until and queue.is_purged(job):  # On its way when that began.
            queue.add_purged(State.BLOCKED if blocked else job.state, 1)
        elif blocked:
            queue.blocked_count += 1
        elif job.state is State.READY:
            queue.ready_count += 1
            self._ready.put(queue, job, submission.payload)
        else:
            queue.scheduled_count += 1
            self._schedule.add(job)
        if queue.is_bounded:
            self.rooms.stored(queue)

    def duplicate(self, submission: Submission, holder: KeyHolder) -> None:
        """Take note that a submission met its key again and made no job."""
        assert submission.job.key is not None
        assert holder.job_id != submission.job.id  # A younger one overtook it, in a batch's turn.
        self.withdraw(submission)
        self._ready.queues[submission.job.queue].counters.duplicates += 1

    def withdraw(self, submission: Submission) -> None:
        """Forget a submission that was not stored."""
        self._ready.queues[submission.job.queue].let_in(submission.job.payload_bytes)

    def promoted(self, job: Job) -> None:
        """Let a job go on that was blocked by its group."""
        queue = self._ready.queues[job.queue]
        queue.blocked_count -= 1
        queue.add(job.state, 1)
        if self.revisions.moved(job) or queue.is_purged(job):
            return
        if job.state is State.SCHEDULED:
            self._schedule.add(job)
            return
        self.revisions.wait_in_place(queue, job)

    def purged(self, asked: PurgeSlice, purged: Purged) -> None:
        """Take note that waiting jobs were removed."""
        queue = self._ready.queues[purged.queue]
        for state, job_ids in purged.job_ids.items():
            queue.add_purged(state, -len(job_ids))
            if state is State.SCHEDULED:
                self._schedule.forget(frozenset(job_ids))
            for job_id in job_ids:
                self._finish(job_id, Cancelled(_PURGED))
        if not purged.more:
            self.administration.end_purge(queue, asked)

    def apply(self, change: Change) -> None:
        """Make a durable change true, once."""
        job = change.job
        match change.cause:
            case Cause.COMPLETE:
                self._end_attempt(change)
                assert change.result is not None
                self._finish(job.id, Completed(change.result))
            case Cause.CLAIM:
                self._attempts.written(job)  # In effect since it was decided.
            case Cause.FALL_DUE:
                self._fallen_due(job)
            case Cause.GIVE_UP:
                self._end_attempt(change)
                assert change.failed_attempt is not None
                self._finish(job.id, died(job, change.failed_attempt))
                self.losses.append(change)
            case Cause.RETRY | Cause.SNOOZE:
                self._end_attempt(change).waiting_bytes += job.payload_bytes
                self._schedule.add(job)
            case Cause.RELEASE:
                queue = self._end_attempt(change)
                queue.waiting_bytes += job.payload_bytes
                queue.ready_count += 1
                self.revisions.wait_in_place(queue, job)
            case Cause.CANCEL | Cause.EXPIRE:
                if not self.revisions.apply(change):
                    self._end_attempt(change)
                self.rooms.ended(job)
                self._finish(job.id, ended_early(job))
                self.losses.append(change)
            case Cause.REDRIVE | Cause.REJOIN:
                self.revisions.apply(change)
            case None:
                if not self.revisions.apply(change):
                    self._attempts.written(job)
                    stop = self._attempts.stopped(job)
                    self._effects.extend([] if stop is None else [stop])
            case _:
                raise AssertionError(f"{change.cause} is not a change of the broker's")

    def undo(self, change: Change, now: Instant) -> None:
        """Forget a change that could not be written; a claim stands, and is written later."""
        if self.revisions.undo(change):
            self.rooms.ended(change.job)
            if change.job.expires_at is not None:
                self._expiry.look_at(now)
            return
        if change.cause is Cause.FALL_DUE:
            if self.revisions.is_changing(change.job):
                del self._schedule.falling_due[change.job.id]
            else:
                self._schedule.put_back(change.job.id)
        else:
            self._attempts.undo(change, now)

    def match(self, now: Instant) -> None:
        """Give jobs that became ready to those who wait for them."""
        for claimant, jobs in self._ready.matches(now):
            self._stop_timer(claimant)
            self._effects.append(Delivery(claimant, self._grant(claimant, jobs, now)))
        self._expire_outdated(now)

    # --- what the broker asks of the store -----------------------------------------------------

    @property
    def has_questions(self) -> bool:
        return (
            self._ready.has_questions
            or self._schedule.has_questions
            or self.rooms.has_questions
            or self.administration.has_questions
        )

    def ask(self, batch: Batch) -> None:
        """Put the questions that the windows have into a batch."""
        batch.heads = self._ready.questions()
        batch.due = self._schedule.question()
        if self.rooms.has_questions:
            batch.tails = self.rooms.questions()
        if self.administration.has_questions:
            self.administration.ask(batch)

    def answer(self, batch: Batch, commit: Commit) -> None:
        elsewhere = self.revisions.elsewhere
        for question, jobs in zip(batch.heads, commit.heads, strict=True):
            self._ready.answer(question, jobs, elsewhere=elsewhere)
        if commit.sizes or commit.tags:
            self.administration.answer(commit, self._attempts.unwritten)
        for asked, jobs in zip(batch.tails, commit.tails, strict=True):
            self.rooms.answer(asked, jobs, batch.now)
        if batch.due is not None:
            self._schedule.answer(batch.due, commit.due, elsewhere=self.revisions.job_ids)
        for (name, state), count in commit.removed.items():
            self._ready.queue(name).removed(state, count)

    def ask_again(self, batch: Batch) -> None:
        """Keep the questions of a batch that failed."""
        self._ready.ask_again(batch.heads)
        if batch.due is not None:
            self._schedule.ask_again()
        self.rooms.ask_again(batch.tails)
        self.administration.ask_again(batch)

    def take_changes(self) -> list[Change]:
        return self._attempts.take_changes()

    def take_effects(self) -> list[Effect]:
        effects, self._effects = self._effects, []
        if len(self.rooms.parked):
            effects.extend(RoomAgain(token) for token in self.rooms.next())
        return effects

    # --- inside --------------------------------------------------------------------------------

    def _restore(self, snapshot: Snapshot) -> None:
        for (name, state), count in snapshot.counts.items():
            if state is State.READY:
                self._ready.restore(name, ready_count=count)
            else:
                self._ready.queue(name).restore(state, count)
            if state is State.SCHEDULED:
                self._schedule.restore()
        self.administration.restore(snapshot.settings)

    def _grant(self, claimant: Claimant, jobs: Sequence[Job], now: Instant) -> list[Claim]:
        return [self._ready.claim(self._attempts.grant(job, claimant, now)) for job in jobs]

    def _end_attempt(self, change: Change) -> Queue:
        self._attempts.end(change)
        queue = self._ready.queues[change.job.queue]
        queue.observe_end(change)
        if queue.is_limited:
            self._ready.ended(queue)
        return queue

    def _finish(self, job_id: JobId, outcome: Outcome) -> None:
        for waiter in self._waits.take(job_id):
            self._effects.append(Finish(waiter, outcome))

    def _is_purged(self, job: Job) -> bool:
        return self._ready.queue(job.queue).is_purged(job)

    def _fallen_due(self, job: Job) -> None:
        del self._schedule.falling_due[job.id]
        queue = self._ready.queue(job.queue)
        queue.scheduled_count -= 1
        queue.ready_count += 1
        if self.revisions.moved(job) or queue.is_purged(job):
            return
        if queue.terms.order is Order.FAIR:
            self._ready.put(queue, job, None)  # To rank it again would take another turn.
        else:
            self.revisions.wait_in_place(queue, job)

    def _expire_outdated(self, now: Instant) -> None:
        jobs, self._ready.outdated = self._ready.outdated, []
        for job in jobs:
            self.revisions.expire(job, now)

    def _stop_timer(self, claimant: Claimant) -> None:
        if claimant.timer is not None:
            self._waits.timers.cancel(claimant.timer)
