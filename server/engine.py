"""Drives the broker: gives it the time, hands its changes to the journal, performs its effects.

Everything here happens on the loop between two awaits, so there is nothing to lock. `pump` is
called in every turn of the loop in which commands came, after every commit and every tick.
"""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from random import Random
from typing import Protocol, assert_never

import anyio
import structlog
from anyio.abc import TaskStatus

from penstock.config.limits import (
    EXPIRING_JOBS_MAX,
    REMOVAL_EVERY_SECONDS,
    REMOVAL_JOBS_MAX,
    REST_AFTER_SECONDS,
)
from penstock.jobs.broker import Broker
from penstock.jobs.effects import Delivery, Effect, Finish, Overdue, RoomAgain, Stop
from penstock.jobs.errors import LeaseLost
from penstock.jobs.events.readers import Served
from penstock.jobs.model import Instant, JobId
from penstock.jobs.outcomes import Outcome
from penstock.jobs.store.event_batches import EventBatches
from penstock.jobs.store.event_port import EventSnapshot
from penstock.jobs.store.journal import Journal
from penstock.jobs.store.port import ExpiringQuestion, Removal, Store, StoreError
from penstock.jobs.timers import soonest
from penstock.jobs.waits import Claim, Claimant, ConsumerId, Waiter
from penstock.server.blocked_reads import Encoder
from penstock.server.chores import Chores
from penstock.server.clock import Clock
from penstock.server.given_up_log import GivenUpLog
from penstock.server.job_log import JobLog
from penstock.server.queue_chores import QueueChores

_log = structlog.get_logger("penstock.engine")

_NO_EVENTS = EventSnapshot()
_NEVER = Instant(2**63 - 1)


class ClaimReply(Protocol):
    """The token of a claimant, which it does not know: it would be a cycle of references."""

    def deliver(self, claimant: Claimant, claims: Sequence[Claim]) -> None: ...

    def fail(self, claimant: Claimant, error: StoreError) -> None: ...


class WaitReply(Protocol):
    """The token of a waiter: where the outcome goes. It does not know the waiter either."""

    def finish(self, waiter: Waiter, outcome: Outcome) -> None: ...


class ReadReply(Protocol):
    """The token of a reader of streams: where its events go."""

    def serve(self, served: Served, encoder: Encoder) -> None: ...


class RoomReply(Protocol):
    """The token of a submission that waits for room in its queue."""

    def try_again(self) -> None: ...


# Tells the worker behind a consumer that a job is to stop.
TellWorker = Callable[[Stop], None]
# Ends the worker behind a consumer; says whether there is one that can be ended from here.
EndWorker = Callable[[ConsumerId, str], bool]


class Engine:
    """One broker, its journal, and the loop's timer."""

    def __init__(
        self,
        store: Store,
        broker: Broker,
        clock: Clock,
        random: Random,
        events: EventSnapshot = _NO_EVENTS,
    ) -> None:
        self.broker = broker
        self.clock = clock
        self.random = random
        self.events = EventBatches(broker, events, now=clock.now_ms(), jitter=random.random)
        self.journal = Journal(
            store,
            self.events,
            now=clock.now_ms,
            seconds=clock.monotonic,
            committed=self._after_commit,
        )
        self.journal.collect = self._pump_if_planned
        self.chores = Chores()
        self.queue_chores = QueueChores(broker, self.journal, self.chores, self.pump)
        self.end_worker: EndWorker = lambda consumer, reason: False
        # Connections that are to be told which of their jobs are to stop.
        self.tell_stop: dict[ConsumerId, TellWorker] = {}
        # Set when the broker drains and nobody holds a job any more.
        self.all_given_back = asyncio.Event()
        self._next_consumer = 0
        # Jobs that a consumer was given and whose replies have not left: their payloads are being
        # read, or another reply of the connection comes first.
        self._undelivered: dict[ConsumerId, set[JobId]] = {}
        self._to_flush: dict[Callable[[], None], None] = {}
        self._to_resume: dict[Callable[[], None], None] = {}
        self._job_log = JobLog(clock.monotonic)
        self._given_up_log = GivenUpLog(clock.monotonic)
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = 0
        self._pump_planned = False
        self._is_pumping = False
        self._pumps_again = False

    # --- for connections -----------------------------------------------------------------------

    @property
    def blocked_count(self) -> int:
        """How many requests wait for the end of a job, or for an event."""
        return self.broker.waiter_count + self.events.log.reader_count

    def new_consumer(self) -> ConsumerId:
        self._next_consumer += 1
        return ConsumerId(self._next_consumer)

    def flush_later(self, flush: Callable[[], None]) -> None:
        """Call *flush* once at the end of the current pump."""
        self._to_flush[flush] = None

    def resume_later(self, resume: Callable[[], None]) -> None:
        """Call *resume* once the journal is no longer congested."""
        self._to_resume[resume] = None

    def claim(self, claimant: Claimant, *, wait_ms: int) -> None:
        """Claim for a claimant whose token is a ClaimReply: now, or when something is ready."""
        claims = self.broker.claim(claimant, wait_ms=wait_ms, now=self.clock.now_ms())
        if claims is not None:
            self._deliver(claimant, claims)

    def is_undelivered(self, consumer: ConsumerId, job_id: JobId) -> bool:
        """Say whether a consumer was given a job and has not been told of it."""
        return job_id in self._undelivered.get(consumer, ())

    def delivered(self, claimant: Claimant, claims: Sequence[Claim]) -> None:
        """Take note that claims are on their way: until now they were never given."""
        undelivered = self._undelivered.get(claimant.consumer)
        if undelivered is not None:
            undelivered.difference_update(claim.job.id for claim in claims)
            if not undelivered:
                del self._undelivered[claimant.consumer]

    def lose(
        self, consumer: ConsumerId, error: str, *, started: frozenset[int] | None = None
    ) -> None:
        """Take back the jobs of a consumer that is gone.

        *started* names those whose work had begun, if that is known; by default all had, but for
        those that never reached the consumer.
        """
        unstarted: set[JobId] = self._undelivered.pop(consumer, set())
        if started is not None:
            unstarted.update(job for job in self.broker.held_by(consumer) if job not in started)
        self.broker.lose(
            consumer,
            error,
            unstarted=unstarted,
            now=self.clock.now_ms(),
            jitter=self.random.random,
        )

    # --- what runs -----------------------------------------------------------------------------

    async def housekeeping(
        self, *, task_status: TaskStatus[None] = anyio.TASK_STATUS_IGNORED
    ) -> None:
        """Have finished jobs removed when their time is over, and let an idle store rest."""
        task_status.started()
        while True:
            await anyio.sleep(REMOVAL_EVERY_SECONDS)
            self._follow_clock()
            now = self.clock.now_ms()
            if any(queue.finished_count for queue in self.broker.queues()):
                self.journal.remove_finished(Removal(now, REMOVAL_JOBS_MAX))
            if self.broker.expires_before(now):
                # Those that are not due yet say when to look next.
                self.journal.look_for_expired(ExpiringQuestion(_NEVER, EXPIRING_JOBS_MAX))
            self.events.log.housekeep(now)
            if self.events.wants_turn:
                self.journal.wake()
            self.journal.rest_after(REST_AFTER_SECONDS)
            self._job_log.sum_up()
            self._given_up_log.sum_up()

    def _follow_clock(self) -> None:
        step_ms = self.clock.follow()
        if step_ms:
            _log.warning("the system's clock was set; delays follow it, leases do not", ms=step_ms)
            self.broker.clock_stepped(step_ms)
            self.events.clock_stepped(step_ms, self.clock.now_ms())
            self._timer_at += step_ms
            self.pump()

    def pump_soon(self) -> None:
        """Pump after all that has arrived was executed, on whatever connections."""
        if not self._pump_planned:
            self._pump_planned = True
            self.journal.wake()  # Who waits until it has settled waits for this, too.
            asyncio.get_running_loop().call_soon(self._pump_if_planned)

    def _pump_if_planned(self) -> None:
        if self._pump_planned:
            self.pump()

    def pump(self) -> None:
        """Move on what the broker decided: changes, effects, the timer, replies.

        A reply that leaves may let in requests that decide more. This loop sees to them: pumps
        within pumps would become as deep as there are connections.
        """
        self._pump_planned = False
        self._pumps_again = True
        if self._is_pumping:
            return
        self._is_pumping = True
        try:
            while self._pumps_again:
                self._pumps_again = False
                self._move_on()
                while self._to_flush:
                    flush, _ = self._to_flush.popitem()
                    flush()
        finally:
            self._is_pumping = False

    def _move_on(self) -> None:
        broker = self.broker
        while effects := broker.take_effects():
            for effect in effects:
                self._perform(effect)
        if changes := broker.take_changes():
            self.journal.record(changes)
        if settings := broker.administration.take_changes():
            self.journal.configure(settings)
        for name in broker.administration.take_unfinished():
            self.queue_chores.see_to(name)
        if broker.has_questions:
            self.journal.wake()
        if served := self.events.log.take_served():
            self._serve(served)
        if broker.losses:
            losses, broker.losses = broker.losses, []
            for change in losses:
                self._job_log.note(change)
        if self.events.unfired or self.events.unrun or self.events.mistakes:
            self._log_given_up()
        self._set_timer()
        if broker.draining and not broker.claimed_count:
            self.all_given_back.set()

    def _serve(self, served: Sequence[Served]) -> None:
        encoder = Encoder()
        for each in served:
            reply: ReadReply = each.reader.token  # type: ignore[assignment]
            reply.serve(each, encoder)

    def _log_given_up(self) -> None:
        events = self.events
        unfired, events.unfired = events.unfired, []
        unrun, events.unrun = events.unrun, []
        for event in unfired:
            self._given_up_log.note_unfired(event)
        for run in unrun:
            self._given_up_log.note_unrun(run)
        mistakes, events.mistakes = events.mistakes, []
        for mistake in mistakes:
            _log.error("a request about events failed in an unforeseen way", exc_info=mistake)

    def _perform(self, effect: Effect) -> None:
        # The core does not know what tokens are; those of this server are these.
        match effect:
            case Finish(waiter, outcome):
                reply: WaitReply = waiter.token  # type: ignore[assignment]
                reply.finish(waiter, outcome)
            case Delivery(claimant, claims):
                self._deliver(claimant, claims)
            case Overdue():
                self._end_overdue(effect)
            case Stop(consumer):
                if (tell := self.tell_stop.get(consumer)) is not None:
                    tell(effect)
            case RoomAgain(token):
                waiting: RoomReply = token  # type: ignore[assignment]
                waiting.try_again()
            case _:
                assert_never(effect)

    def _deliver(self, claimant: Claimant, claims: list[Claim]) -> None:
        reply: ClaimReply = claimant.token  # type: ignore[assignment]
        if claims:
            undelivered = self._undelivered.setdefault(claimant.consumer, set())
            undelivered.update(claim.job.id for claim in claims)
        missing = [claim.job.id for claim in claims if claim.payload is None]
        if not missing:
            reply.deliver(claimant, claims)
            return

        def read(payloads: dict[JobId, bytes] | StoreError) -> None:
            if claimant.consumer not in self._undelivered:
                return  # The consumer is gone and its jobs were taken back.
            if isinstance(payloads, StoreError):
                self.delivered(claimant, claims)
                self._take_back(claims)
                reply.fail(claimant, payloads)
            else:
                reply.deliver(claimant, [_with_payload(claim, payloads) for claim in claims])

        self.journal.read_payloads(missing, read)

    def _take_back(self, claims: list[Claim]) -> None:
        """Release jobs that could not be handed out."""
        now = self.clock.now_ms()
        for claim in claims:
            # Somebody may have guessed the attempt's number and ended it.
            with suppress(LeaseLost):
                self.broker.release(claim.job.id, claim.job.attempt, now=now, settled=_nobody_asks)

    def _end_overdue(self, overdue: Overdue) -> None:
        """End the worker first if it is ours, so that two never run one job; else just expire."""
        lease = self.broker.lease(overdue.job_id)
        if lease is not None and lease.job.cancel_asked_at is not None:
            reason = f"CancelTimeout: job {overdue.job_id} was cancelled and did not stop in time"
        else:
            reason = (
                f"HardTimeout: job {overdue.job_id} ended neither at its timeout nor in the grace "
                "after it"
            )
        if not self.end_worker(overdue.consumer, reason):
            self.broker.expire(
                overdue.job_id,
                overdue.attempt,
                now=self.clock.now_ms(),
                jitter=self.random.random(),
            )
            self.journal.record(self.broker.take_changes())

    def _after_commit(self) -> None:
        self.pump()
        if self._to_resume and not self.journal.is_congested:
            resumes, self._to_resume = self._to_resume, {}
            for resume in resumes:
                resume()

    def _set_timer(self) -> None:
        """See to a tick no later than the broker needs it; an early one is harmless."""
        now = self.clock.now_ms()
        at = soonest(self.broker.next_at(now), self.events.next_at())
        if at is None:
            return
        if self._timer is not None:
            if self._timer_at <= at:
                return
            self._timer.cancel()
        self._timer_at = at
        delay = max(0, at - now) / 1000
        self._timer = asyncio.get_running_loop().call_later(delay, self._tick)

    def _tick(self) -> None:
        self._timer = None
        now = self.clock.now_ms()
        self.broker.tick(now)
        self.events.tick(now)
        self.pump()


def _nobody_asks(error: StoreError | None) -> None:
    """Settle a change that no request waits for."""


def _with_payload(claim: Claim, payloads: dict[JobId, bytes]) -> Claim:
    if claim.payload is not None:
        return claim
    return Claim(claim.job, payloads[claim.job.id])
