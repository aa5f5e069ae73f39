"""A server without sockets: broker, journal and store as production ties them, and a model beside.

Everything that happens is a call, between which nothing moves: commits end when they are told to,
time passes when it is told to. So a list of calls is a run, and repeats exactly.
"""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from typing import Final

from penstock.jobs.bounds import Bounds
from penstock.jobs.broker import Broker
from penstock.jobs.changes import Change, Settled
from penstock.jobs.effects import Delivery, Effect, Finish
from penstock.jobs.errors import LeaseLost, NoJob, Overloaded
from penstock.jobs.model import FINISHED, Instant, Job, JobId, QueueName, State
from penstock.jobs.outcomes import was_completed
from penstock.jobs.policy import Policy, SubmitRequest
from penstock.jobs.retry import Failure
from penstock.jobs.store.journal import Journal
from penstock.jobs.store.memory import MemoryStore
from penstock.jobs.store.port import (
    Batch,
    JobEnd,
    KeyHolder,
    Removal,
    StoreError,
    StoreFailed,
    StoreFull,
    Submission,
)
from penstock.jobs.transitions import Cause
from penstock.jobs.waits import Claim, Claimant, ConsumerId, Waiter
from tests.simulation.asked import Asked, Wait, asked_by, tell
from tests.simulation.bounds import BOUNDS, POLICY, START
from tests.simulation.checks import (
    check_claims_are_written,
    check_counts,
    check_memory,
    check_outcome,
    check_times,
    check_waits,
    check_windows,
    most_urgent,
    nothing_is_left,
)
from tests.simulation.gate import End, GatedStore, at_once
from tests.simulation.model import Ask, Model

_TURNS: Final = 5  # Of the loop, until the journal has got as far as it gets.
_CALM_MAX: Final = 2_000  # Commits until everything is settled, or it never will be.


class World:
    """Calls are made by name; each leaves the world in order, or raises."""

    def __init__(self, bounds: Bounds = BOUNDS, policy: Policy = POLICY) -> None:
        self.bounds = bounds
        self.policy = policy
        self.loop = asyncio.new_event_loop()
        self.shelf = MemoryStore()
        self.model = Model(policy)
        self.now = START
        self.seen: list[tuple[JobId, int]] = []  # Every attempt that was given out.
        self.consumers = [ConsumerId(n) for n in range(4)]
        self._next_consumer = len(self.consumers)
        self._start()

    def close(self) -> None:
        self._stop()
        self.loop.close()

    # --- clients -------------------------------------------------------------------------------

    def submit(self, request: SubmitRequest, *, wait_ms: int | None = None) -> None:
        """Submit a job; with *wait_ms* it is a call."""
        submission = self._admit(request)
        if submission is not None:
            self.journal.submit(submission, self._submission(submission, wait_ms))
        self._turn()

    def _admit(self, request: SubmitRequest) -> Submission | None:
        """Submit a job, unless it would be of one queue too many."""
        admits = self.model.admits(request.queue, self.bounds.queues_max)
        try:
            submission = self.broker.submit(request, self.now)
        except Overloaded:
            assert not admits
            return None
        assert admits
        return submission

    def submit_together(self, requests: Sequence[SubmitRequest]) -> None:
        """Submit jobs of which either all or none are stored."""
        admitted = [self._admit(request) for request in requests]
        submissions = [submission for submission in admitted if submission is not None]
        if len(submissions) < len(requests):
            for submission in submissions:
                self.model.withdrawn(submission)
                self.broker.withdraw(submission)
            self._turn()
            return
        settled = [self._submission(submission, None) for submission in submissions]
        self.together.append([each.asked for each in settled])
        self.journal.submit_together(list(zip(submissions, settled, strict=True)))
        self._turn()

    def _submission(self, submission: Submission, wait_ms: int | None) -> "_Settled":
        asked = self._ask(f"submission {submission.job.id}")
        return _Settled(self, asked, submission, wait_ms)

    def wait(self, job_id: JobId, wait_ms: int, *, known: bool = False) -> None:
        """Wait for a job; it is *known* to be there and unfinished, or that is to be read."""
        wait = Wait(f"wait for job {job_id}")
        waiter = wait.waiter = Waiter(job_id=job_id, wait_ms=wait_ms, token=wait)
        self.asked.append(wait)
        self.waits.append(wait)
        if known:
            wait.ends_at = self.now + wait_ms
            self.broker.wait(waiter, self.now)
            return
        ends_at = self.now + wait_ms
        self.broker.wait_unless_finished(waiter, self.now)

        def read(record: JobEnd | StoreError | None) -> None:
            if isinstance(record, StoreError):
                if not wait.answers:
                    self.broker.unwait(waiter)
                    wait.told(record)
                return
            wait.ends_at = ends_at
            try:
                self.broker.settle_wait(waiter, record)
            except NoJob as refusal:
                assert job_id not in self.model.jobs
                wait.told(refusal)

        self.journal.read_end(job_id, read)

    def wait_for(self, job_id: int, wait_ms: int) -> None:
        self.wait(JobId(job_id), wait_ms)
        self._turn()

    def abandon_wait(self, index: int) -> None:
        """A caller who waits goes away."""
        parked = [wait for wait in self.waits if not wait.answers]
        if parked:
            wait = parked[index % len(parked)]
            assert wait.waiter is not None
            self.broker.unwait(wait.waiter)
            wait.told("gone")
        self._turn()

    def remove(self, jobs_max: int) -> None:
        """Have finished jobs removed whose time is over."""
        self.journal.remove_finished(Removal(self.now, jobs_max))
        self._turn()

    # --- workers -------------------------------------------------------------------------------

    def claim(self, index: int, queues: tuple[QueueName, ...], jobs_max: int, wait_ms: int) -> None:
        consumer = self.consumers[index % len(self.consumers)]
        asked = Asked(f"claim of consumer {consumer}")
        claimant = Claimant(
            consumer=consumer, worker=f"w{consumer}", queues=queues, jobs_max=jobs_max, token=asked
        )
        self.asked.append(asked)
        first = most_urgent(self.broker, self.model, queues)
        claims = self.broker.claim(claimant, wait_ms=wait_ms, now=self.now)
        if claims is None:
            self.parked[claimant] = self.now + wait_ms
        else:
            assert first is None or claims[0].job.id == first
            self._deliver(claimant, claims)
        self._turn()

    def _deliver(self, claimant: Claimant, claims: Sequence[Claim]) -> None:
        assert len(claims) <= claimant.jobs_max
        asked = claimant.token
        assert isinstance(asked, Asked)
        asked.told(claims)
        consumer = claimant.consumer
        for claim in claims:
            assert claim.job.queue in claimant.queues
            self.model.claimed(claim.job, consumer, self.now)
            self.seen.append((claim.job.id, claim.job.attempt))
            if claim.payload is not None:
                assert claim.payload == self.model.jobs[claim.job.id].payload
        missing = [claim.job.id for claim in claims if claim.payload is None]
        if missing:
            self._read_payloads(consumer, [claim.job for claim in claims], missing)

    def _read_payloads(
        self, consumer: ConsumerId, jobs: Sequence[Job], missing: list[JobId]
    ) -> None:
        unread = self._ask(f"payloads {missing}")
        self.undelivered.setdefault(consumer, set()).update(job.id for job in jobs)

        def read(payloads: dict[JobId, bytes] | StoreError) -> None:
            unread.told(payloads)
            undelivered = self.undelivered.get(consumer)
            if undelivered is None:
                return
            undelivered.difference_update(job.id for job in jobs)
            if isinstance(payloads, StoreFailed):
                return
            if isinstance(payloads, StoreError):
                for job in jobs:
                    self._end(job.id, job.attempt, Ask(Cause.RELEASE))
                return
            for job_id in missing:
                assert payloads[job_id] == self.model.jobs[job_id].payload

        self.journal.read_payloads(missing, read)

    def unclaim(self, index: int, *, answered: bool) -> None:
        """A claim that waits is ended: with an answer, or because nobody is there any more."""
        if self.parked:
            claimant = list(self.parked)[index % len(self.parked)]
            if answered:
                self.broker.end_claim(claimant)
            else:
                self.broker.unclaim(claimant)
                del self.parked[claimant]
                tell(claimant, "gone")
        self._turn()

    def end_attempt(self, index: int, ask: Ask, *, jitter: float = 0.0) -> None:
        """Complete, fail or release one of the attempts that were given out, lately most often."""
        if self.seen:
            self._end(*self.seen[-1 - index % len(self.seen)], ask, jitter)
        self._turn()

    def _end(self, job_id: JobId, attempt: int, ask: Ask, jitter: float = 0.0) -> None:
        held = self.model.holds(job_id, attempt)
        same = {Cause.RETRY: (Cause.RETRY, Cause.GIVE_UP)}.get(ask.kind, (ask.kind,))
        accepted = held is not None and (held.on_its_way is None or held.on_its_way in same)
        if held is not None and held.on_its_way is None:
            self.model.asks[job_id] = ask
        asked = Asked(f"{ask.kind} of attempt {attempt} of job {job_id}")

        def settled(problem: StoreError | None) -> None:
            asked.told(problem)
            if problem is None:
                self.ended.append((job_id, attempt, same))

        try:
            self._ask_end(job_id, attempt, ask, jitter, settled)
        except LeaseLost:
            assert not accepted, f"{asked.what} is refused"
            if ask.kind is Cause.COMPLETE:
                self._read_completion(job_id, attempt)
            return
        assert accepted, f"{asked.what} is accepted"
        self.asked.append(asked)
        self._collect()

    def _ask_end(
        self, job_id: JobId, attempt: int, ask: Ask, jitter: float, settled: Settled
    ) -> None:
        broker, now = self.broker, self.now
        if ask.kind is Cause.COMPLETE:
            broker.complete(job_id, attempt, b"%d" % job_id, now=now, settled=settled)
        elif ask.kind is Cause.RELEASE:
            broker.release(job_id, attempt, now=now, settled=settled)
        else:
            text = f"Error: {job_id}.{attempt}\ntrace"
            failure = Failure(text, final=ask.final)
            broker.fail(job_id, attempt, failure, now=now, jitter=jitter, settled=settled)

    def _read_completion(self, job_id: JobId, attempt: int) -> None:
        """A completion that comes again is harmless, as far as anybody remembers."""
        unread = self._ask(f"record of job {job_id}")

        def read(record: JobEnd | StoreError | None) -> None:
            unread.told(record)
            truth = self.model.jobs.get(job_id)
            if not isinstance(record, StoreError):
                completed = truth is not None and truth.state is State.COMPLETED
                assert was_completed(record, attempt) is (
                    completed and truth is not None and truth.attempt == attempt
                )

        self.journal.read_end(job_id, read)

    def extend(self, index: int, lease_ms: int | None) -> None:
        if self.seen:
            job_id, attempt = self.seen[-1 - index % len(self.seen)]
            held = self.model.holds(job_id, attempt)
            try:
                lasts_ms = self.broker.extend(job_id, attempt, lease_ms, now=self.now)
            except LeaseLost:
                assert held is None or held.on_its_way is not None
            else:
                assert held is not None
                assert held.on_its_way is None
                held.lease_ends_at = self.now + lasts_ms
        self._turn()

    def disconnect(self, index: int, *, started_every: int = 1, jitter: float = 0.5) -> None:
        """A worker's connection is lost, and another worker comes."""
        index %= len(self.consumers)
        consumer = self.consumers[index]
        for claimant in [c for c in self.parked if c.consumer == consumer]:
            self.broker.unclaim(claimant)
            del self.parked[claimant]
            tell(claimant, "gone")
        unstarted = self.undelivered.pop(consumer, set())
        held = [truth for truth in self.model.held_by(consumer) if truth.on_its_way is None]
        unstarted |= {truth.job.id for truth in held if truth.job.id % started_every}
        for truth in held:
            kind = Cause.RELEASE if truth.job.id in unstarted else Cause.RETRY
            self.model.asks[truth.job.id] = Ask(kind, lost=True)
        self.broker.lose(
            consumer, "WorkerLost: x", unstarted=unstarted, now=self.now, jitter=lambda: jitter
        )
        self.consumers[index] = ConsumerId(self._next_consumer)
        self._next_consumer += 1
        self._turn()

    def give_back(self, index: int) -> None:
        """A worker leaves in order."""
        consumer = self.consumers[index % len(self.consumers)]
        for truth in self.model.held_by(consumer):
            if truth.on_its_way is None:
                self.model.asks[truth.job.id] = Ask(Cause.RELEASE)
        self.broker.give_back(consumer, now=self.now)
        self._turn()

    # --- time, the disk, crashes ---------------------------------------------------------------

    def pass_time(self, ms: int) -> None:
        self.now = Instant(self.now + ms)
        self.broker.tick(self.now)
        next_at = self.broker.next_at(self.now)
        assert next_at is None or next_at > self.now
        self._turn()

    def end_commit(self, end: End) -> None:
        """Let the commit in flight end, if there is one; after a failure the server starts anew."""
        if self.store.batch is None:
            self._turn()
            return
        batch = self.store.batch
        if end is End.WRITTEN and batch.removal is not None:
            self.model.remove(batch.removal)
        self.store.end(end)
        if end not in (End.FAILED, End.FAILED_LATE):
            self._turn()
            return
        for _ in range(_TURNS):
            self._spin()
        assert isinstance(self.run.exception(), StoreFailed)
        untold = {asked.what for asked in self.asked if not asked.answers}
        untold -= {wait.what for wait in self.waits if wait.ends_at is not None}
        untold -= {asked_by(c).what for c in self.parked}
        assert not untold, "somebody was not told that the outcome is unknown"
        self._restart(batch if end is End.FAILED_LATE else None)

    def crash(self, *, written: bool) -> None:
        """The server dies; what it was just writing is written, or is not."""
        batch = self.store.batch if written else None
        if batch is not None:
            at_once(self.shelf.commit(batch))
        self._stop()
        self._restart(batch)

    def _restart(self, written: Batch | None) -> None:
        ids = [*self.model.jobs, *self.model.removed]
        if written is not None:
            ids += [submission.job.id for submission in written.submissions]
        self._start()
        batch = Batch(records=[JobId(n) for n in range(1, max(ids, default=0) + 50)])
        commit = at_once(self.shelf.commit(batch))
        self.model.restarted(written, self.snapshot, commit.records)
        self._turn()

    def _start(self) -> None:
        self.snapshot = at_once(self.shelf.load(self.now, self.policy.result_keep_ms))
        self.store = GatedStore(self.shelf)
        self.broker = Broker(self.snapshot, self.policy, self.bounds)
        self.paused: asyncio.Future[None] | None = None
        self.journal = Journal(
            self.store,
            self.broker,
            now=lambda: self.now,
            seconds=lambda: self.now / 1000,
            committed=self._pump,
            pause=self._pause,
            run_changes=3,
            gather_turns=0,
        )
        self.asked: list[Asked] = []
        self.waits: list[Wait] = []
        self.parked: dict[Claimant, int] = {}
        self.undelivered: dict[ConsumerId, set[JobId]] = {}
        self.together: list[list[Asked]] = []
        self.ended: list[tuple[JobId, int, tuple[Cause, ...]]] = []
        self.run = self.loop.create_task(self.journal.run())
        self._spin()

    def _stop(self) -> None:
        self.run.cancel()
        with suppress(asyncio.CancelledError, StoreError):
            self.loop.run_until_complete(self.run)

    async def _pause(self, seconds: float) -> None:
        assert seconds > 0
        self.paused = self.loop.create_future()
        await self.paused

    def end_pause(self) -> None:
        """The time is over after which a full disk is tried again."""
        if self.paused is not None and not self.paused.done():
            self.paused.set_result(None)
        self._turn()

    # --- what production does between two awaits -----------------------------------------------

    def _ask(self, what: str) -> Asked:
        asked = Asked(what)
        self.asked.append(asked)
        return asked

    def _spin(self) -> None:
        """Let the loop go round once."""
        self.loop.call_soon(self.loop.stop)
        self.loop.run_forever()

    def _turn(self) -> None:
        """Move on what was decided, let the journal work as far as it gets, and check all."""
        self._pump()
        for _ in range(_TURNS):
            self._spin()
        assert not self.run.done(), self.run
        self.check()

    def _collect(self) -> None:
        changes = self.broker.take_changes()
        for change in changes:
            self.model.decided(change, self.now)
            if change.cause is not Cause.CLAIM:
                change.listeners.append(_Follow(self, change))
        if changes:
            self.journal.record(changes)
        assert not self.model.asks, f"nothing was decided: {self.model.asks}"

    def _pump(self) -> None:
        effects = self.broker.take_effects()
        # Jobs that were handed out, before the changes that say so.
        effects.sort(key=lambda effect: not isinstance(effect, Delivery))
        for effect in effects:
            if not isinstance(effect, Delivery):
                self._collect()
            self._perform(effect)
        self._collect()
        if self.broker.has_questions:
            self.journal.wake()

    def _perform(self, effect: Effect) -> None:
        if isinstance(effect, Delivery):
            del self.parked[effect.claimant]
            self._deliver(effect.claimant, effect.claims)
        elif isinstance(effect, Finish):
            wait = effect.waiter.token
            assert isinstance(wait, Wait)
            wait.told(effect.outcome)
            check_outcome(self.model, wait, effect.outcome, self.now)
        else:
            held = self.model.holds(effect.job_id, effect.attempt)
            assert held is not None
            assert held.lease_ends_at is not None
            assert held.lease_ends_at <= self.now
            assert effect.consumer == held.consumer
            held.lease_ends_at = None
            # Some workers can be ended from here: their connection is lost some time later.
            if effect.consumer % 2:
                self.model.asks[effect.job_id] = Ask(Cause.RETRY)
                self.model.counters[held.job.queue, "expired"] += 1
                self.broker.expire(effect.job_id, effect.attempt, now=self.now, jitter=0.5)

    # --- what must be true ---------------------------------------------------------------------

    def check(self) -> None:
        """Hold everything against the model, as it is between any two calls."""
        check_counts(self.broker, self.model)
        for job_id, attempt, causes in self.ended:
            truth = self.model.jobs.get(job_id)
            assert truth is None or truth.ended[attempt] in causes
        self.ended.clear()
        for together in self.together:
            fates = [isinstance(asked.answers[0], StoreFull) for asked in together if asked.answers]
            assert len(fates) in (0, len(together)), "some are stored and some are not"
            assert len(set(fates)) <= 1, "some are stored and some are refused"
        self.together = [together for together in self.together if not together[0].answers]
        for claimant in self.parked:
            fronts = [q.ready.jobs for q in self.broker.queues() if q.name in claimant.queues]
            assert not any(len(window) for window in fronts), "a worker waits beside a ready job"
        self.waits = [wait for wait in self.waits if not wait.answers]
        check_waits(self.broker, self.model, self.waits)
        check_times(
            self.broker, self.model, [*self.waits_end_at(), *self.parked.values()], self.now
        )
        check_windows(self.broker, self.model)
        check_memory(self.broker, self.bounds)

    def waits_end_at(self) -> list[int]:
        return [wait.ends_at for wait in self.waits if wait.ends_at is not None]

    def calm_down(self) -> None:
        """Let everything settle that needs neither workers nor time."""
        self.broker.tick(self.now)
        self._turn()
        for _ in range(_CALM_MAX):
            next_at = self.broker.next_at(self.now)
            if self.store.batch is not None:
                self.end_commit(End.WRITTEN)
            elif self.paused is not None and not self.paused.done():
                self.end_pause()
            elif next_at is not None and next_at <= self.now:
                self.pass_time(0)
            else:
                break
        else:
            raise AssertionError("it never comes to rest")
        self._check_calm()

    def _check_calm(self) -> None:
        assert not self.broker.has_questions
        open_ones = [asked.what for asked in self.asked if not asked.answers]
        waiting = [wait.what for wait in self.waits]
        parked = [asked_by(claimant).what for claimant in self.parked]
        assert sorted(open_ones) == sorted(waiting + parked), "somebody was not answered"
        self.asked = [asked for asked in self.asked if not asked.answers]
        for name in self.model.queues:
            ready = self.model.ready(name)
            assert not ready or len(self.broker.queue(name).ready.jobs), f"{name} was not refilled"
        for truth in self.model.jobs.values():
            assert truth.on_its_way is None
            assert truth.state is not State.SCHEDULED or truth.due_at > self.now
        check_claims_are_written(self.shelf, self.model, self.now)

    def finish_everything(self) -> None:
        """Let workers do all the work there is: every job ends, and nothing is left over."""
        for _ in range(_CALM_MAX):
            self.calm_down()
            unfinished = [t for t in self.model.jobs.values() if t.state not in FINISHED]
            if not unfinished:
                break
            self.claim(0, tuple({t.job.queue for t in unfinished}), 50, wait_ms=0)
            self.calm_down()
            for truth in self.model.in_state(State.CLAIMED):
                self._end(truth.job.id, truth.attempt, Ask(Cause.COMPLETE))
            self.pass_time(1000)
        else:
            raise AssertionError("some jobs never end")
        while self.parked or self.waits:
            at = self.broker.next_at(self.now)
            assert at is not None
            self.pass_time(max(0, at - self.now))
        self.calm_down()
        nothing_is_left(self.broker, self.now)


class _Settled:
    """Takes the answer to a submission."""

    def __init__(
        self, world: World, asked: Asked, submission: Submission, wait_ms: int | None
    ) -> None:
        self.asked = asked
        self._world = world
        self._submission = submission
        self._wait_ms = wait_ms

    def __call__(self, outcome: KeyHolder | StoreError | None) -> None:
        world, submission = self._world, self._submission
        self.asked.told(outcome)
        world.model.withdrawn(submission)
        if outcome is None:
            world.model.stored(submission)
            if self._wait_ms is not None:
                world.wait(submission.job.id, self._wait_ms, known=True)
        elif isinstance(outcome, KeyHolder):
            world.model.duplicate(submission, outcome)
            if self._wait_ms is not None and outcome.same:
                world.wait(outcome.job_id, self._wait_ms)
        else:
            assert isinstance(outcome, (StoreFull, StoreFailed))


class _Follow:
    """Tells the model what became of a change."""

    def __init__(self, world: World, change: Change) -> None:
        self._world = world
        self._change = change

    def __call__(self, problem: StoreError | None) -> None:
        if not isinstance(problem, StoreFailed):
            self._world.model.settled(self._change, problem, self._world.now)
