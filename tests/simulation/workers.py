"""Those who claim jobs and end attempts, are lost, and come late."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from penstock.config.limits import LEASE_GRACE_MS
from penstock.jobs.changes import Settled
from penstock.jobs.effects import Overdue, Stop
from penstock.jobs.errors import AskedToStop, LeaseLost, Overloaded
from penstock.jobs.leases import Progress
from penstock.jobs.model import Job, JobId, QueueName, State
from penstock.jobs.outcomes import was_completed
from penstock.jobs.retry import Failure
from penstock.jobs.store.port import JobEnd, StoreError, StoreFailed
from penstock.jobs.transitions import Cause
from penstock.jobs.waits import Claim, Claimant, ConsumerId
from tests.simulation.asked import Ask, Asked, asked_by, tell
from tests.simulation.ledger import Hold

if TYPE_CHECKING:
    from tests.simulation.world import World

_SAME = {
    Cause.COMPLETE: {Cause.COMPLETE},
    Cause.RETRY: {Cause.RETRY, Cause.GIVE_UP, Cause.CANCEL},
    Cause.RELEASE: {Cause.RELEASE, Cause.SNOOZE, Cause.CANCEL},
}


class Workers:
    """Calls are made by name; each leaves the world in order."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.seen: list[tuple[JobId, int]] = []  # Every attempt that was given out.
        self.consumers = [ConsumerId(n) for n in range(4)]
        self._next_consumer = len(self.consumers)
        self.restarted()

    def restarted(self) -> None:
        self.parked: dict[Claimant, int] = {}
        self.undelivered: dict[ConsumerId, set[JobId]] = {}

    def asks_for(self, queue: QueueName) -> bool:
        """Say whether somebody waits for jobs of a queue."""
        return any(queue in claimant.queues for claimant in self.parked)

    # --- claims --------------------------------------------------------------------------------

    def claim(self, index: int, queues: tuple[QueueName, ...], jobs_max: int, wait_ms: int) -> None:
        world = self._world
        consumer = self.consumers[index % len(self.consumers)]
        asked = Asked(f"claim of consumer {consumer}")
        claimant = Claimant(
            consumer=consumer, worker=f"w{consumer}", queues=queues, jobs_max=jobs_max, token=asked
        )
        try:
            claims = world.broker.claim(claimant, wait_ms=wait_ms, now=world.now)
        except Overloaded:
            world.turn()
            return
        world.asked.append(asked)
        if claims is None:
            self.parked[claimant] = world.now + wait_ms
        else:
            self._hand_out(claimant, claims)
        world.turn()

    def deliver(self, claimant: Claimant, claims: Sequence[Claim]) -> None:
        """Answer a claim that waited."""
        del self.parked[claimant]
        self._hand_out(claimant, claims)

    def _hand_out(self, claimant: Claimant, claims: Sequence[Claim]) -> None:
        assert len(claims) <= claimant.jobs_max
        asked_by(claimant).told(claims)
        world, consumer = self._world, claimant.consumer
        world.ledger.deciding = world.deciding()
        for claim in claims:
            job = claim.job
            assert job.queue in claimant.queues
            world.claims.check(job, world.now)
            ends_at = world.now + job.timeout_ms + LEASE_GRACE_MS
            world.ledger.holds[job.id] = Hold(job, consumer, world.now, ends_at)
            world.counted(job.queue, "claimed", 1)
            world.served.append(job)
            self.seen.append((job.id, job.attempt))
            if claim.payload is not None:
                assert claim.payload == world.durable.payload(job.id)
        world.ledger.deciding = frozenset()
        missing = [claim.job.id for claim in claims if claim.payload is None]
        if missing:
            self._read_payloads(consumer, [claim.job for claim in claims], missing)

    def _read_payloads(
        self, consumer: ConsumerId, jobs: Sequence[Job], missing: list[JobId]
    ) -> None:
        world = self._world
        unread = world.ask(f"payloads {missing}")
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
                # Somebody who guessed the attempt's number may have ended it, and all be over.
                if job_id in payloads or world.durable.job(job_id) is not None:
                    assert payloads[job_id] == world.durable.payload(job_id)

        world.journal.read_payloads(missing, read)

    def unclaim(self, index: int, *, answered: bool) -> None:
        """A claim that waits is ended: with an answer, or because nobody is there any more."""
        if self.parked:
            claimant = list(self.parked)[index % len(self.parked)]
            if answered:
                self._world.broker.end_claim(claimant)
            else:
                self._world.broker.unclaim(claimant)
                del self.parked[claimant]
                tell(claimant, "gone")
        self._world.turn()

    # --- attempts ------------------------------------------------------------------------------

    def end_attempt(self, index: int, ask: Ask, *, jitter: float = 0.0) -> None:
        """Complete, fail or release one of the attempts that were given out, lately most often."""
        if self.seen:
            self._end(*self.seen[-1 - index % len(self.seen)], ask, jitter)
        self._world.turn()

    def finish(self, hold: Hold) -> None:
        self._end(hold.job.id, hold.job.attempt, Ask(Cause.COMPLETE))

    def _end(self, job_id: JobId, attempt: int, ask: Ask, jitter: float = 0.0) -> None:
        world, ledger = self._world, self._world.ledger
        hold = ledger.hold(job_id, attempt)
        ending = ledger.ending(job_id)
        same = _SAME[ask.kind]
        accepted = hold is not None and (ending is None or ending.cause in same)
        if hold is not None and ending is None:
            ledger.asks[job_id] = ask
        asked = Asked(f"{ask.kind} of attempt {attempt} of job {job_id}")

        def settled(problem: StoreError | None) -> None:
            asked.told(problem)
            if problem is None:
                world.ended.append((job_id, attempt, same))

        try:
            self._ask_end(job_id, attempt, ask, jitter, settled)
        except LeaseLost:
            assert not accepted, f"{asked.what} is refused"
            if ask.kind is Cause.COMPLETE:
                self._read_completion(job_id, attempt)
            return
        assert accepted, f"{asked.what} is accepted"
        world.asked.append(asked)
        world.collect()

    def _ask_end(
        self, job_id: JobId, attempt: int, ask: Ask, jitter: float, settled: Settled
    ) -> None:
        broker, now = self._world.broker, self._world.now
        if ask.kind is Cause.COMPLETE:
            broker.complete(job_id, attempt, b"%d" % job_id, now=now, settled=settled)
        elif ask.kind is Cause.RELEASE:
            broker.release(job_id, attempt, now=now, settled=settled, delay_ms=ask.delay_ms)
        else:
            text = f"Error: {job_id}.{attempt}\ntrace"
            failure = Failure(text, ask.final, ask.cancels, ask.after_ms)
            broker.fail(job_id, attempt, failure, now=now, jitter=jitter, settled=settled)

    def _read_completion(self, job_id: JobId, attempt: int) -> None:
        """A completion that comes again is harmless, as far as anybody remembers."""
        world = self._world
        unread = world.ask(f"end of job {job_id}")

        def read(end: JobEnd | StoreError | None) -> None:
            unread.told(end)
            job = world.durable.job(job_id)
            if not isinstance(end, StoreError):
                completed = job is not None and job.state is State.COMPLETED
                same = completed and job is not None and job.attempt == attempt
                assert was_completed(end, attempt) is same

        world.journal.read_end(job_id, read)

    def extend(self, index: int, lease_ms: int | None) -> None:
        world = self._world
        if self.seen:
            job_id, attempt = self.seen[-1 - index % len(self.seen)]
            hold = self._running(job_id, attempt)
            try:
                lasts_ms = world.broker.extend(job_id, attempt, lease_ms, now=world.now)
            except (LeaseLost, AskedToStop):
                assert hold is None
            else:
                assert hold is not None
                hold.ends_at = world.now + lasts_ms
        world.turn()

    def say(self, index: int, percent: int) -> None:
        """Tell how far an attempt is, and what it printed."""
        world = self._world
        if self.seen:
            job_id, attempt = self.seen[-1 - index % len(self.seen)]
            hold = self._running(job_id, attempt)
            try:
                world.broker.progress(job_id, attempt, Progress(percent, "n", world.now))
                world.broker.output(job_id, attempt, f"{percent}\n")
            except (LeaseLost, AskedToStop):
                assert hold is None
            else:
                assert hold is not None
        world.turn()

    def _running(self, job_id: JobId, attempt: int) -> Hold | None:
        """Return the hold of an attempt that may go on."""
        hold = self._world.ledger.hold(job_id, attempt)
        if hold is None or hold.is_to_stop or self._world.ledger.ending(job_id) is not None:
            return None
        return hold

    # --- connections ---------------------------------------------------------------------------

    def disconnect(self, index: int, *, started_every: int = 1, jitter: float = 0.5) -> None:
        """A worker's connection is lost, and another worker comes."""
        world, ledger = self._world, self._world.ledger
        index %= len(self.consumers)
        consumer = self.consumers[index]
        for claimant in [c for c in self.parked if c.consumer == consumer]:
            world.broker.unclaim(claimant)
            del self.parked[claimant]
            tell(claimant, "gone")
        unstarted = self.undelivered.pop(consumer, set())
        held = [h for h in ledger.held_by(consumer) if ledger.ending(h.job.id) is None]
        unstarted |= {hold.job.id for hold in held if hold.job.id % started_every}
        for hold in held:
            kind = Cause.RELEASE if hold.job.id in unstarted else Cause.RETRY
            ledger.asks[hold.job.id] = Ask(kind, lost=True)
        world.broker.lose(
            consumer, "WorkerLost: x", unstarted=unstarted, now=world.now, jitter=lambda: jitter
        )
        self.consumers[index] = ConsumerId(self._next_consumer)
        self._next_consumer += 1
        world.turn()

    def give_back(self, index: int) -> None:
        """A worker leaves in order."""
        world, ledger = self._world, self._world.ledger
        consumer = self.consumers[index % len(self.consumers)]
        for hold in ledger.held_by(consumer):
            if ledger.ending(hold.job.id) is None:
                ledger.asks[hold.job.id] = Ask(Cause.RELEASE)
        world.broker.give_back(consumer, now=world.now)
        world.turn()

    def overdue(self, overdue: Overdue) -> None:
        """A lease ran out."""
        world = self._world
        hold = world.ledger.hold(overdue.job_id, overdue.attempt)
        assert hold is not None
        assert hold.ends_at is not None
        assert hold.ends_at <= world.now or hold.was_overdue
        hold.was_overdue = True
        assert overdue.consumer == hold.consumer
        hold.ends_at = None
        # Some workers can be ended from here: their connection is lost some time later.
        if overdue.consumer % 2:
            world.ledger.asks[overdue.job_id] = Ask(Cause.RETRY)
            world.counted(hold.job.queue, "expired", 1)
            world.broker.expire(overdue.job_id, overdue.attempt, now=world.now, jitter=0.5)

    def stop(self, stop: Stop) -> None:
        """A worker is told that its job is to stop."""
        hold = self._world.ledger.hold(stop.job_id, stop.attempt)
        assert hold is not None
        assert hold.is_to_stop, f"job {stop.job_id} is to stop, and nobody said so"
        assert stop.consumer == hold.consumer

    def clock_stepped(self, step_ms: int) -> None:
        for claimant in self.parked:
            self.parked[claimant] += step_ms
        for hold in self._world.ledger.holds.values():
            hold.since += step_ms
            if hold.ends_at is not None:
                hold.ends_at += step_ms
