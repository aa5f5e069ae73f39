"""A server without sockets: broker, journal and store as production ties them, all of it watched.

Everything that happens is a call, between which nothing moves: commits end when they are told to,
time passes when it is told to. So a list of calls is a run, and repeats exactly.
"""

import asyncio
from collections import Counter
from contextlib import suppress
from typing import Final

from penstock.jobs.bounds import Bounds
from penstock.jobs.broker import Broker
from penstock.jobs.changes import Change
from penstock.jobs.effects import Delivery, Effect, Finish, Overdue, RoomAgain, Stop
from penstock.jobs.model import FINISHED, Instant, Job, JobId, QueueName, State
from penstock.jobs.policy import Policy
from penstock.jobs.queue import Queue
from penstock.jobs.store.event_batches import EventBatches
from penstock.jobs.store.journal import Journal
from penstock.jobs.store.memory import MemoryStore
from penstock.jobs.store.port import StoreError, StoreFailed
from penstock.jobs.transitions import Cause
from penstock.server.chores import Chores
from penstock.server.queue_chores import QueueChores
from tests.simulation import checks
from tests.simulation.asked import Asked, Wait, asked_by
from tests.simulation.bounds import BOUNDS, POLICY, START
from tests.simulation.claims import Claims
from tests.simulation.clients import Clients, Submitting
from tests.simulation.commits import Commits
from tests.simulation.decisions import Decisions
from tests.simulation.durable import Durable
from tests.simulation.gate import End, GatedStore, at_once
from tests.simulation.ledger import Ledger
from tests.simulation.people import People
from tests.simulation.workers import Workers

_TURNS: Final = 12  # Of the loop, until journal and chores have got as far as they get.
_IDLE_TURNS: Final = 3
_CALM_MAX: Final = 3_000  # Commits until everything is settled, or it never will be.


class World:
    """One store and the servers that run over it, one after the other."""

    def __init__(self, bounds: Bounds = BOUNDS, policy: Policy = POLICY) -> None:
        self.bounds = bounds
        self.policy = policy
        self.loop = asyncio.new_event_loop()
        self.now = START
        self.removed_until = Instant(0)  # The last wish to have finished jobs removed.
        self.failure: AssertionError | None = None
        self.served: list[Job] = []  # Every claim.
        shelf = MemoryStore()
        self._shelf = shelf
        self.durable = Durable(shelf, policy)
        self.ledger = Ledger(self.durable)
        self.claims = Claims(self.durable, self.ledger)
        self.claims.is_mixed = self._is_mixed
        self.commits = self._new_commits()
        self.decisions = Decisions(self.durable, self.ledger)
        self.clients = Clients(self)
        self.workers = Workers(self)
        self.people = People(self)
        self._start()

    def close(self) -> None:
        try:
            self._stop()
        finally:
            self.loop.close()

    # --- time, the disk, crashes ---------------------------------------------------------------

    def pass_time(self, ms: int) -> None:
        self.now = Instant(self.now + ms)
        self._tick()
        next_at = self.broker.next_at(self.now)
        assert next_at is None or next_at > self.now
        self.turn()

    def step_clock(self, step_ms: int) -> None:
        """Somebody sets the system's clock, and the server notices."""
        self.now = Instant(self.now + step_ms)
        self.workers.clock_stepped(step_ms)
        self.clients.clock_stepped(step_ms)
        self.claims.clock_stepped()
        self._clock_stepped(step_ms)
        self._tick()
        self.turn()

    def end_commit(self, end: End) -> None:
        """Let the commit in flight end, if there is one; after a failure the server starts anew."""
        if self.store.batch is None:
            self.turn()
            return
        self.store.end(end)
        self.was_full = end is End.FULL
        if end not in (End.FAILED, End.FAILED_LATE):
            self.turn()
            return
        for _ in range(_TURNS):
            self._spin()
        assert isinstance(self.run.exception(), StoreFailed)
        untold = {asked.what for asked in self.asked if not asked.answers}
        untold -= {wait.what for wait in self.clients.waits if wait.ends_at is not None}
        untold -= {asked_by(claimant).what for claimant in self.workers.parked}
        untold -= {submitting.what for submitting in self.clients.parked}
        assert not untold, f"not told that the outcome is unknown: {untold}"
        self._stop()
        self._start()
        self.turn()

    def crash(self, *, written: bool) -> None:
        """The server dies; what it was just writing is written, or is not."""
        if written and self.store.batch is not None:
            self.store.write()
        self._stop()
        self._start()
        self.turn()

    def end_pause(self) -> None:
        """The time is over after which a full disk is tried again."""
        if self.paused is not None and not self.paused.done():
            self.paused.set_result(None)
        self.turn()

    # --- starting and stopping -----------------------------------------------------------------

    def _start(self) -> None:
        self.commits.before()
        keep_ms = self.policy.result_keep_ms
        self.snapshot = at_once(self._shelf.load(self.now, keep_ms))
        self.commits.lapsed(self.now, keep_ms)
        self.store = GatedStore(self._shelf, self.commits.before, self.commits.after)
        self.broker = Broker(self.snapshot, self.policy, self.bounds)
        self.ledger.restarted(self.snapshot.next_id)
        self.last_id = self.snapshot.next_id - 1  # Of all that were submitted.
        assert self.snapshot.next_id > max([*self.durable.jobs(), *self.ledger.gone], default=0)
        self._restore_purges()
        self.paused: asyncio.Future[None] | None = None
        self.was_full = False  # And what it left undone is not matched with who waits yet.
        self.asked: list[Asked] = []
        self.ended: list[tuple[JobId, int, set[Cause]]] = []
        self._queues: dict[QueueName, Queue] = {}
        self.clients.restarted()
        self.workers.restarted()
        self.events = self._new_events()
        self.journal = Journal(
            self.store,
            self.events,
            now=lambda: self.now,
            seconds=lambda: self.now / 1000,
            committed=self._pump,
            pause=self._pause,
            run_changes=3,
        )
        self.chores = Chores()
        self.queue_chores = QueueChores(self.broker, self.journal, self.chores, self._pump)
        self.run = self.loop.create_task(self.journal.run())
        self.chores_run = self.loop.create_task(self.chores.run())
        self._settle()

    def _settle(self) -> None:
        """Let the first commits end: nobody is let in before."""
        self._pump()
        for _ in range(_CALM_MAX):
            for _ in range(_TURNS):
                self._spin()
            if self.store.batch is None:
                return
            self.store.end(End.WRITTEN)
        raise AssertionError("it never starts")

    def _restore_purges(self) -> None:
        """What was asked for and is not on record is forgotten; the rest is still asked for."""
        purges = self.ledger.purges
        for queue in list(purges):
            until = self.durable.settings(queue).purged_until
            purges[queue] = [purge for purge in purges[queue] if purge.until == until]
            for purge in purges[queue]:
                purge.is_on_record = True
            if until and not purges[queue]:
                raise AssertionError(f"{queue} is purged up to {until}, and nobody asked for it")

    def _stop(self) -> None:
        for task in (self.chores_run, self.run):
            task.cancel()
            with suppress(asyncio.CancelledError, StoreError):
                self.loop.run_until_complete(task)

    async def _pause(self, seconds: float) -> None:
        assert seconds > 0
        self.paused = self.loop.create_future()
        await self.paused

    # --- what a world with events has besides ---------------------------------------------------

    def _new_commits(self) -> Commits:
        return Commits(self.durable, self.ledger, self.claims)

    def _new_events(self) -> EventBatches:
        return EventBatches(self.broker)

    def _tick(self) -> None:
        self.broker.tick(self.now)

    def _next_at(self) -> Instant | None:
        return self.broker.next_at(self.now)

    def _clock_stepped(self, step_ms: int) -> None:
        self.broker.clock_stepped(step_ms)

    def _serve(self) -> None:
        """Answer those who waited for events."""

    @property
    def _is_behind(self) -> bool:
        """Say whether jobs are still to come by themselves."""
        return False

    # --- what production does between two awaits -----------------------------------------------

    def ask(self, what: str) -> Asked:
        asked = Asked(what)
        self.asked.append(asked)
        return asked

    def _spin(self) -> None:
        """Let the loop go round once."""
        self.loop.call_soon(self.loop.stop)
        self.loop.run_forever()

    def turn(self) -> None:
        """Move on what was decided, let the journal work as far as it gets, and check all."""
        self._pump()
        for _ in range(_TURNS):
            self._spin()
        if self.run.done():
            self.run.result()
        if self.failure is not None:
            raise self.failure  # Of a chore, which outlives its failures.
        assert not self.chores_run.done()
        self.check()

    def collect(self) -> None:
        """Hand over what was decided."""
        changes = self.broker.take_changes()
        for change in changes:
            self.follow(change)
        if changes:
            self.journal.record(changes)
        settings = self.broker.administration.take_changes()
        if settings:
            self.journal.configure(settings)
        assert not self.ledger.asks, f"nothing was decided: {self.ledger.asks}"

    def deciding(self) -> frozenset[JobId]:
        """Return the jobs of which a change was decided and not handed over yet."""
        changes = self.broker._attempts.changes
        return frozenset(change.job.id for change in changes if change.cause is not Cause.CLAIM)

    def follow(self, change: Change) -> None:
        """Watch a change until it is durable, or never will be."""
        try:
            self.decisions.decided(change, self.now)
        except AssertionError as failure:
            self.failure = failure
            raise
        if change.cause is not Cause.CLAIM:
            change.listeners.append(_Follow(self, change))

    def _pump(self) -> None:
        while effects := self.broker.take_effects():
            # Jobs that were handed out, before the changes that say so.
            effects.sort(key=lambda effect: not isinstance(effect, Delivery))
            for effect in effects:
                if not isinstance(effect, Delivery):
                    self.collect()
                self._perform(effect)
        self.collect()
        for name in self.broker.administration.take_unfinished():
            self.loop.call_soon(self.queue_chores.see_to, name)
        if self.broker.has_questions:
            self.journal.wake()
        self._serve()

    def _perform(self, effect: Effect) -> None:
        match effect:
            case Delivery(claimant, claims):
                self.workers.deliver(claimant, claims)
            case Finish(waiter, outcome):
                wait = waiter.token
                assert isinstance(wait, Wait)
                wait.told(outcome)
                checks.check_outcome(self, wait, outcome)
            case Overdue():
                self.workers.overdue(effect)
            case Stop():
                self.workers.stop(effect)
            case RoomAgain(token):
                assert isinstance(token, Submitting)
                token.try_again()

    # --- numbers -------------------------------------------------------------------------------

    def counted(self, queue: QueueName, name: str, count: int) -> None:
        """Something is counted that is no change of a job."""
        self.commits.counters[queue, name] += count

    def counters_of(self, queue: Queue) -> Counter[tuple[QueueName, str]]:
        """Return what was counted since a queue came to be in memory."""
        counters = self.commits.counters
        if self._queues.get(queue.name) is not queue:
            # What it counted before it was seen is taken for granted.
            self._queues[queue.name] = queue
            for name in checks.COUNTERS:
                counters[queue.name, name] = getattr(queue.counters, name)
        return counters

    def is_measuring(self, queue: QueueName) -> bool:
        """Say whether the store is being asked how many bytes wait in a queue, or will be soon."""
        batch = self.store.batch
        if queue in self.broker.administration._to_measure or queue in self.ledger.purges:
            return True
        return batch is not None and queue in batch.sizes

    def _is_mixed(self, queue: QueueName) -> bool:
        decided = self.broker.administration._decided.get(queue, ())
        return any(
            change.settings is not None and not change.settings.reordered for change in decided
        )

    # --- what must be true ---------------------------------------------------------------------

    def check(self) -> None:
        """Hold everything against the store, as it is between any two calls."""
        for job_id, attempt, causes in self.ended:
            assert self.ledger.ended[job_id, attempt] in causes
        self.ended.clear()
        self.clients.check()
        checks.check_counts(self)
        checks.check_waits(self)
        checks.check_times(self)
        if not self.was_full:
            checks.check_nobody_waits_beside_jobs(self)
        checks.check_windows(self)
        checks.check_memory(self.broker, self.bounds)

    def calm_down(self) -> None:
        """Let everything settle that needs neither workers nor time."""
        self._tick()
        self.turn()
        idle = 0
        for _ in range(_CALM_MAX):
            next_at = self._next_at()
            if self.store.batch is not None:
                self.end_commit(End.WRITTEN)
            elif self.paused is not None and not self.paused.done():
                self.end_pause()
            elif next_at is not None and next_at <= self.now:
                self.pass_time(0)
            elif idle < _IDLE_TURNS:
                idle += 1  # What takes long may go on behind.
                self.turn()
                continue
            else:
                break
            idle = 0
        else:
            raise AssertionError("it never comes to rest")
        checks.check_calm(self)

    def _unfinished_queues(self) -> tuple[QueueName, ...]:
        return tuple(sorted({j.queue for j in self.durable.all() if j.state not in FINISHED}))

    def finish_everything(self) -> None:
        """Let workers do all the work there is: every job ends, and nothing is left over."""
        self.calm_down()
        for _ in range(1 + len(self.durable.jobs()) // 9):
            self.people.look_for_expired(9)
            self.calm_down()
        checks.check_all_expired(self)
        for name in sorted(self.durable.queues()):
            self.people.pause(name, paused=False)
        for _ in range(_CALM_MAX):
            self.calm_down()
            self.people.look_for_expired(3)
            self.calm_down()
            queues = self._unfinished_queues()
            if not queues and not self.clients.parked and not self._is_behind:
                break
            if queues:
                self.workers.claim(0, queues, 50, wait_ms=0)
            self.calm_down()
            for hold in list(self.ledger.holds.values()):
                self.workers.finish(hold)
            due_at = [job.due_at for job in self.durable.in_state(State.SCHEDULED)]
            self.pass_time(max(1000, min(due_at, default=0) - self.now))
        else:
            raise AssertionError("some jobs never end")
        while self.workers.parked or self.clients.waits:
            at = self.broker.next_at(self.now)
            assert at is not None
            self.pass_time(max(0, at - self.now))
        self.calm_down()
        checks.nothing_is_left(self.broker, self.now)


class _Follow:
    """Tells what became of a change."""

    def __init__(self, world: World, change: Change) -> None:
        self._world = world
        self._change = change

    def __call__(self, problem: StoreError | None) -> None:
        if not isinstance(problem, StoreFailed):
            self._world.decisions.settled(self._change, problem, self._world.now)
