"""A world with events: what a server does about streams, triggers and schedules, watched."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Final

from penstock.jobs.changes import Change
from penstock.jobs.events.log import EventLog
from penstock.jobs.model import Instant, JobId
from penstock.jobs.policy import SubmitRequest
from penstock.jobs.store.event_batches import EventBatches, Stored, Submitted
from penstock.jobs.store.port import Batch, KeyHolder, StoreError, StoreFailed, Submission
from tests.simulation.bounds import EVENT_BOUNDS
from tests.simulation.chronicle import Chronicle
from tests.simulation.commits import Commits
from tests.simulation.followers import Followers
from tests.simulation.world import World

_TOO_MANY: Final = "would be one more, and queues"


class EventfulWorld(World):
    """One store with events, and the servers that run over it."""

    def __init__(self, random: Random) -> None:
        self.jitter = random.random
        self.followers = Followers(self)
        super().__init__()

    # --- what it has besides ---------------------------------------------------------------------

    def _new_commits(self) -> Commits:
        self.chronicle = Chronicle(self._shelf)
        return _EventfulCommits(self)

    def _new_events(self) -> EventBatches:
        self.followers.restarted()
        return _WatchedBatches(self)

    def _tick(self) -> None:
        super()._tick()
        self.events.tick(self.now)

    def _next_at(self) -> Instant | None:
        ats = [super()._next_at(), self.events.next_at()]
        return min((at for at in ats if at is not None), default=None)

    def _clock_stepped(self, step_ms: int) -> None:
        super()._clock_stepped(step_ms)
        self.chronicle.runs.clock_stepped(self.now)
        self.events.clock_stepped(step_ms, self.now)

    def _serve(self) -> None:
        for served in self.events.log.take_served():
            self.followers.serve(served)

    @property
    def _is_behind(self) -> bool:
        return self.events.triggers.next_at() is not None and not self._waiting_for_queues

    @property
    def _waiting_for_queues(self) -> set[str]:
        """Return the triggers that wait because there are as many queues as there may be."""
        watches = self.events.triggers.all()
        return {w.trigger.name for w in watches if _TOO_MANY in (w.tally.waiting_for or "")}

    def housekeep(self) -> None:
        self.events.log.housekeep(self.now)
        if self.events.wants_turn:
            self.journal.wake()
        self.turn()

    def calm_down(self) -> None:
        super().calm_down()
        self.followers.check_all_answered()
        watches = self.events.triggers.all()
        waiting = {w.trigger.name for w in watches if w.tally.retry_at is not None}
        self.chronicle.check_calm(waiting)
        self.chronicle.check_memory(self.events, self.now)

    def finish_everything(self) -> None:
        """Let triggers see all there is, and workers do all that comes of it."""
        self.calm_down()
        for name in sorted(self.chronicle.schedules):
            self.followers.delete_schedule(name)
        super().finish_everything()
        self.chronicle.check_calm(self._waiting_for_queues)

    def check(self) -> None:
        if self.events.mistakes:
            raise self.events.mistakes[0]
        super().check()
        self.chronicle.held = set(self.ledger.holds)


class _EventfulCommits(Commits):
    """Holds each commit against what was asked for, events included."""

    def __init__(self, world: EventfulWorld) -> None:
        super().__init__(world.durable, world.ledger, world.claims)
        self._chronicle = world.chronicle

    def before(self) -> None:
        super().before()
        self._chronicle.before()

    def after(self, batch: Batch) -> None:
        super().after(batch)
        self._chronicle.after(batch)

    def lapsed(self, now: Instant, keep_ms: int) -> None:
        super().lapsed(now, keep_ms)
        self._chronicle.started(now)


class _WatchedBatches(EventBatches):
    """Says of each turn that it begins, and of each job what becomes of it."""

    def __init__(self, world: EventfulWorld) -> None:
        self._world = world
        events = world.snapshot.events
        super().__init__(world.broker, events, now=world.now, jitter=world.jitter)
        self.log = EventLog(events, EVENT_BOUNDS)

    def fill(
        self, batch: Batch, changes: Sequence[Change], *, is_full: bool = False
    ) -> list[Submitted]:
        self._world.chronicle.begin_turn()
        return super().fill(batch, changes, is_full=is_full)

    def submit_all(self, requests: Sequence[SubmitRequest], stored: Stored) -> list[Submission]:
        world = self._world

        def settled(submission: Submission, outcome: KeyHolder | StoreError | None) -> None:
            job = submission.job
            del world.ledger.admitted[job.id]
            if isinstance(outcome, KeyHolder):
                world.counted(job.queue, "duplicates", 1)
            elif outcome is None:
                assert world.durable.job(job.id) is not None, f"job {job.id} is not there"
            else:
                assert isinstance(outcome, StoreFailed) or world.durable.job(job.id) is None
            stored(submission, outcome)

        submissions = super().submit_all(requests, settled)
        for submission, request in zip(submissions, requests, strict=True):
            job = submission.job
            world.ledger.admitted[job.id] = request
            world.ledger.marks[job.id] = world.durable.terms(job.queue).rank_mark
            world.last_id = JobId(max(world.last_id, job.id))
        return submissions
