"""The events' part of each batch: requests are decided, triggers fire, the life of jobs is told.

Requests about events wait here until the journal makes a batch. They are decided then, in their
order, against what is durable and what the same batch holds before them: a turn of the event log.
There is one at a time, as there is one batch at a time.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from typing import Final, TypeAlias

from msgspec import Struct

from penstock.config.limits import BATCH_RUN_CHANGES, CRON_RETRY_MS
from penstock.jobs.broker import Broker
from penstock.jobs.changes import Change
from penstock.jobs.cron.schedules import Ran, Schedules, Unrun, run_all
from penstock.jobs.errors import Refused
from penstock.jobs.events.errors import Mistake, Unsettled
from penstock.jobs.events.firing import Fired, Unfired, fire_all
from penstock.jobs.events.life import life_fields
from penstock.jobs.events.log import EventLog, EventRequest, Settle
from penstock.jobs.events.model import StreamName
from penstock.jobs.events.transitions import has_unknown, known_transitions
from penstock.jobs.events.turn import Turn
from penstock.jobs.events.watches import Triggers
from penstock.jobs.model import FINISHED, Instant, JobId
from penstock.jobs.policy import SubmitRequest
from penstock.jobs.retry import JitterSource
from penstock.jobs.store.event_port import EventAnswers, EventSnapshot
from penstock.jobs.store.port import (
    EPOCH,
    Batch,
    Commit,
    KeyHolder,
    StoreError,
    Submission,
)
from penstock.jobs.timers import soonest

# Told of each submission what became of it: stored (None), or not.
Stored: TypeAlias = Callable[[Submission, KeyHolder | StoreError | None], None]
Submitted: TypeAlias = tuple[Submission, Callable[[KeyHolder | StoreError | None], None]]

_NO_EVENTS: Final = EventSnapshot()


def _no_jitter() -> float:
    return 0.0


def _nobody() -> None:
    """Stand for the journal until there is one."""


def _nobody_asks(submission: Submission, outcome: KeyHolder | StoreError | None) -> None:
    """Take what became of a job that a trigger or a schedule submitted: it is tried again."""


def _is_unfinished(commit: Commit, job_id: JobId) -> bool:
    end = commit.outcomes.get(job_id)
    return end is not None and end.job.state not in FINISHED


class Asked(Struct):
    """A request that is not durable yet; one that *appends* is refused where there is no room."""

    request: EventRequest
    appends: bool
    bytes_count: int
    settle: Settle | None = None


class _Mistaken(Exception):
    """A request was not foreseen. What it has changed already is taken back with its turn."""

    def __init__(self, asked: Asked) -> None:
        super().__init__()
        self.asked = asked


class EventBatches:
    """What waits to be decided about events, and the turn that the batch being written holds."""

    def __init__(
        self,
        broker: Broker,
        snapshot: EventSnapshot = _NO_EVENTS,
        *,
        now: Instant = EPOCH,
        jitter: JitterSource = _no_jitter,
    ) -> None:
        """Take what the store knows of events, and the jitter that the runs of schedules have."""
        self.broker = broker
        self.wake: Callable[[], None] = _nobody  # Tells the journal that there is work.
        self.log = EventLog(snapshot)
        self.triggers = Triggers(snapshot.triggers)
        self.schedules = Schedules(snapshot.schedules, now=now)
        # What comes to nothing, for who takes it: events that triggers gave up, and runs.
        self.unfired: list[Unfired] = []
        self.unrun: list[Unrun] = []
        self.mistakes: list[Exception] = []  # Of ours, likewise.
        self.bytes_count = 0  # Of the requests that wait.
        self._waiting: deque[Asked] = deque()
        self._decided: list[Asked] = []  # In the turn that is open.
        self._turn: Turn | None = None
        self._fired = Fired()
        self._ran = Ran()
        self._awaits_runs = False  # Runs are due that the next batch submits.
        self._submissions: list[Submitted] = []
        # Jobs of runs before, of which must be known whether they are finished.
        self._previous: dict[JobId, bool | None] = {}
        self._jitter = jitter
        self._follow()

    # --- what may be asked, between two awaits -------------------------------------------------

    def ask(self, request: EventRequest, *, appends: bool = False, bytes_count: int = 0) -> None:
        """Have a request decided with one of the next batches."""
        self._waiting.append(Asked(request, appends, bytes_count))
        self.bytes_count += bytes_count
        if len(self._waiting) == 1:  # Else the journal knows.
            self.wake()

    def __len__(self) -> int:
        """Return how many requests wait to be decided."""
        return len(self._waiting)

    @property
    def wants_turn(self) -> bool:
        """Say whether there is something to do that nobody has to ask for again."""
        return bool(self._waiting) or self.log.wants_turn or self.triggers.wants_turn

    # --- time ----------------------------------------------------------------------------------

    def next_at(self) -> Instant | None:
        """Return when `tick` has something to do next."""
        schedules_at = None if self._awaits_runs else self.schedules.next_at()
        return soonest(self.log.next_at(), self.triggers.next_at(), schedules_at)

    def tick(self, now: Instant) -> None:
        """Do what is due: waits that end, triggers that try again, schedules."""
        self.log.tick(now)
        self.triggers.wake_due(now)
        self._awaits_runs = self._is_scheduled(now)
        if self.triggers.wants_turn or self._awaits_runs:
            self.wake()

    def clock_stepped(self, step_ms: int, now: Instant) -> None:
        """Keep waits lasting as long, though the clock was set; schedules follow it."""
        self._awaits_runs = False
        self.log.clock_stepped(step_ms)
        self.triggers.clock_stepped()
        self.schedules.clock_stepped(now)

    # --- what may be asked of the turn that is open --------------------------------------------

    def submit(self, request: SubmitRequest) -> JobId:
        """Submit a job in the transaction of this turn. Raises Refused."""
        (submission,) = self.submit_all([request], _nobody_asks)
        return submission.job.id

    def submit_all(self, requests: Sequence[SubmitRequest], stored: Stored) -> list[Submission]:
        """Submit jobs in the transaction of this turn, all or none. Raises Refused."""
        assert self._turn is not None
        submissions: list[Submission] = []
        try:
            submissions.extend(self.broker.submit(each, self._turn.now) for each in requests)
        except Refused:
            for submission in submissions:
                self.broker.withdraw(submission)
            raise
        self._submissions += [
            (submission, partial(stored, submission)) for submission in submissions
        ]
        self._tell_life(self._turn, submissions, [])
        return submissions

    # --- what the journal asks -----------------------------------------------------------------

    def fill(
        self, batch: Batch, changes: Sequence[Change], *, is_full: bool = False
    ) -> list[Submitted]:
        """Decide what a batch holds of events; return the jobs that are submitted with it.

        On a full disk only that is decided which makes room, or belongs to what is written anyway.
        """
        broker = self.broker
        tells = bool(broker.followed) and bool(batch.submissions or changes or batch.purges)
        if not (tells or self.wants_turn or self._is_scheduled(batch.now)):
            return []
        while True:
            try:
                return self._fill(batch, changes, tells=tells, is_full=is_full)
            except _Mistaken as mistaken:
                self._leave_out(mistaken)

    def _fill(
        self, batch: Batch, changes: Sequence[Change], *, tells: bool, is_full: bool
    ) -> list[Submitted]:
        """Raises _Mistaken: the turn is to be taken back, and begun again without a request."""
        broker = self.broker
        self._awaits_runs = False
        turn = self._turn = self.log.begin(batch.now)
        self._submissions, self._fired, self._ran = [], Fired(), Ran()
        if tells:
            self._tell_life(turn, batch.submissions, changes)
        self._decide(turn, is_full=is_full)
        if not is_full:
            self._run(turn, batch)
            self._fire(turn)
        is_open = bool(batch.purges) or has_unknown(
            broker, [*batch.submissions, *(each for each, _ in self._submissions)], changes
        )
        if broker.followed and is_open:
            for stream in broker.followed.streams:
                if turn.exists(stream):
                    turn.expect_life(stream)
        turn.finish()
        if not turn.is_idle:
            batch.events = turn.writes
        return self._submissions

    def applied(self, commit: Commit) -> bool:
        """Make what the turn decided true, and answer who asked; say whether there was one."""
        turn = self._end_turn()
        if turn is None:
            return False
        answers = commit.events
        self.log.applied(turn, answers)
        self.unfired += self._fired.unfired
        self.unrun += self._ran.unrun
        self._fired.count(self.triggers.counters)
        self._ran.count(self.schedules.counters)
        # What was known before and not asked for is old: jobs finish meanwhile.
        asked_now = [job_id for job_id, known in self._previous.items() if known is None]
        self._previous = {job_id: _is_unfinished(commit, job_id) for job_id in asked_now}
        decided, self._decided = self._decided, []
        for asked in decided:
            assert asked.settle is not None
            asked.settle(answers)
        writes = turn.writes
        if turn.made_groups or writes.dropped_groups or writes.dropped_streams:
            self._follow()
        if self.wants_turn:
            self.wake()
        return True

    def refuse(self, error: StoreError) -> None:
        """Take the turn back; refuse what appends, and have the rest decided again."""
        turn = self._end_turn()
        if turn is None:
            return
        self._take_back(turn)
        # What they submit is what there is no room for: without a pause they would try for ever.
        self._fired.put_off(self.triggers, str(error), turn.now)
        self._ran.put_off(self.schedules, Instant(turn.now + CRON_RETRY_MS))
        decided, self._decided = self._decided, []
        for asked in reversed(decided):
            if asked.appends:
                asked.request.fail(error)
            else:
                self._put_back(asked)

    def give_up(self, error: StoreError) -> None:
        """Take the turn back, and refuse all that was decided in it."""
        turn = self._end_turn()
        if turn is None:
            return
        self._take_back(turn)
        decided, self._decided = self._decided, []
        for asked in decided:
            asked.request.fail(error)
        if self.wants_turn:
            self.wake()

    def tell(self, error: StoreError) -> None:
        """Tell everybody that the outcome is not known, or will never be."""
        for asked in [*self._decided, *self._waiting]:
            asked.request.fail(error)
        self._decided.clear()
        self._waiting.clear()

    # --- inside --------------------------------------------------------------------------------

    def _tell_life(
        self, turn: Turn, submissions: Sequence[Submission], changes: Sequence[Change]
    ) -> None:
        """Append what happens to the jobs of followed queues, as far as it is known."""
        broker = self.broker
        if not broker.followed:
            return
        for step in known_transitions(broker, submissions, changes):
            fields = life_fields(
                step.job,
                step.before,
                step.cause,
                turn.now,
                worker=step.worker,
                failed=step.failed_attempt,
            )
            for stream in broker.followed.streams_of(step.job.queue):
                if turn.exists(stream):  # It may have been dropped in this turn.
                    turn.append_life(stream, fields)
                    self.triggers.wake(stream)

    def _decide(self, turn: Turn, *, is_full: bool) -> None:
        """Let those who asked decide, the first first; who cannot yet waits, and who comes after.

        Of a long backlog the older half is decided, as the journal does with jobs.
        """
        waiting, held = self._waiting, set[StreamName]()
        kept: list[Asked] = []
        for _ in range(min(len(waiting), max(BATCH_RUN_CHANGES, len(waiting) // 2))):
            asked = waiting.popleft()
            request = asked.request
            if (is_full and asked.appends) or (held and not held.isdisjoint(request.streams)):
                held.update(request.streams)
                kept.append(asked)
                continue
            try:
                asked.settle = request.decide(turn)
            except Unsettled:
                held.update(request.streams)
                kept.append(asked)
                continue
            except Refused as problem:
                # It may be refused for what is not durable yet: that there is such a group already.
                asked.settle = partial(_decline, request, problem)
                self._decided.append(asked)
            except Exception as mistake:
                waiting.extendleft(reversed(kept))
                raise _Mistaken(asked) from mistake
            else:
                if asked.settle is not None:
                    self._decided.append(asked)
            self.bytes_count -= asked.bytes_count
        waiting.extendleft(reversed(kept))

    def _leave_out(self, mistaken: _Mistaken) -> None:
        """Take the turn back, refuse the request that we could not carry out, keep the others."""
        for submission, _ in self._submissions:
            self.broker.withdraw(submission)
        turn = self._end_turn()
        assert turn is not None
        self._take_back(turn)
        decided, self._decided = self._decided, []
        for asked in reversed(decided):
            self._put_back(asked)
        assert isinstance(mistaken.__cause__, Exception)
        self.mistakes.append(mistaken.__cause__)
        self.bytes_count -= mistaken.asked.bytes_count
        mistaken.asked.request.fail(Mistake())

    def _run(self, turn: Turn, batch: Batch) -> None:
        """Submit the runs that are due."""

        def is_unfinished(job_id: JobId) -> bool | None:
            known = self._previous.pop(job_id, None)
            if known is None:
                self._previous[job_id] = None
                batch.outcomes.append(job_id)
            return known

        self._ran = run_all(
            turn,
            self.schedules,
            self.submit,
            is_unfinished,
            now=turn.now,
            jitter=self._jitter,
        )

    def _is_scheduled(self, now: Instant) -> bool:
        at = self.schedules.next_at()
        return at is not None and at <= now

    def _fire(self, turn: Turn) -> None:
        """Let triggers see what the turn appended, and what they have not seen before."""
        for stream in turn.stirred_streams:
            self.triggers.wake(stream)
        self._fired = fire_all(
            turn,
            self.triggers,
            self.submit,
            now=turn.now,
            payload_bytes_max=self.broker.policy.payload_bytes_max,
        )

    def _end_turn(self) -> Turn | None:
        turn, self._turn = self._turn, None
        self._submissions = []
        return turn

    def _take_back(self, turn: Turn) -> None:
        self.log.undone(turn)
        self._previous.clear()

    def _put_back(self, asked: Asked) -> None:
        asked.settle = None
        self._waiting.appendleft(asked)
        self.bytes_count += asked.bytes_count

    def _follow(self) -> None:
        streams = self.log.streams
        self.broker.followed.follow(name for name, stream in streams.items() if stream.groups)


def _decline(request: EventRequest, problem: Refused, answers: EventAnswers) -> None:
    request.fail(problem)
