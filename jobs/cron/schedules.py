"""All schedules of a server; the runs that are due are submitted within a turn of the event log."""

from collections.abc import Callable, Iterable
from itertools import islice
from typing import Protocol, TypeAlias

from msgspec import Struct, field
from msgspec.structs import replace

from penstock.config.limits import CRON_DUE_MAX, CRON_RETRY_MS, SCHEDULES_MAX
from penstock.jobs.counters import ScheduleCounters
from penstock.jobs.cron.runs import Runs, decide_runs, needs_previous, submitted
from penstock.jobs.cron.schedule import (
    Progress,
    Schedule,
    begin,
    check_schedule,
    decode_schedule,
    encode_schedule,
    is_ahead,
    replaced,
)
from penstock.jobs.errors import (
    PASSING,
    Overloaded,
    Refused,
)
from penstock.jobs.events.definitions import drop_schedule, put_schedule
from penstock.jobs.events.undo import UndoLog
from penstock.jobs.model import Instant, JobId
from penstock.jobs.policy import SubmitRequest
from penstock.jobs.retry import JitterSource
from penstock.jobs.store.event_port import EventWrites, ScheduleRecord
from penstock.jobs.timers import Timer, Timers

Undo: TypeAlias = Callable[[], None]
# Takes a job into the turn's batch, and returns its id. Raises Refused.
Submit: TypeAlias = Callable[[SubmitRequest], JobId]
# Says whether a job is not finished; None if that was asked of the store, and is known next time.
IsUnfinished: TypeAlias = Callable[[JobId], bool | None]


class NoSchedule(Refused):
    code = "NOSCHEDULE"

    def __init__(self, name: str) -> None:
        super().__init__(f"schedule {name} is not known: it was never set, or it was deleted")


class Plan(Struct, frozen=True):
    """A schedule and how far it is."""

    schedule: Schedule
    progress: Progress

    @property
    def record(self) -> ScheduleRecord:
        return ScheduleRecord(self.schedule.name, encode_schedule(self.schedule, self.progress))


class RunningTurn(Protocol):
    """What a turn of the event log must have for schedules."""

    @property
    def writes(self) -> EventWrites: ...

    @property
    def undo_log(self) -> UndoLog: ...


class Unrun(Struct, frozen=True):
    """A run whose job will never be, for the log."""

    schedule: str
    slot: Instant
    reason: str


class Ran(Struct):
    """What came of the runs that were due."""

    jobs_count: int = 0
    skipped_count: int = 0
    unrun: list[Unrun] = field(default_factory=list)
    _before: list[Plan] = field(default_factory=list)

    def remember(self, plan: Plan) -> None:
        """Keep how a schedule stood before the turn."""
        self._before.append(plan)

    def count(self, counters: ScheduleCounters) -> None:
        """Add it to what is counted: it is durable."""
        counters.runs += self.jobs_count
        counters.skipped += self.skipped_count
        counters.refused += len(self.unrun)

    def undo(self, schedules: "Schedules") -> None:
        """Put everything back: what was due is due again."""
        for plan in self._before:
            schedules.restore(plan)

    def put_off(self, schedules: "Schedules", at: Instant) -> None:
        """Let the schedules wait, once everything was put back: the disk is full."""
        for plan in self._before:
            schedules.put_off(plan, at)


class Schedules:
    """Schedules by name, and by when they are due next."""

    def __init__(
        self,
        records: Iterable[ScheduleRecord] = (),
        *,
        now: Instant,
        schedules_max: int = SCHEDULES_MAX,
    ) -> None:
        self._schedules_max = schedules_max
        self.counters = ScheduleCounters()
        self._plans: dict[str, Plan] = {}
        self._timers: Timers[str] = Timers()
        self._timer_of: dict[str, Timer[str]] = {}
        for record in records:
            self.restore(Plan(*decode_schedule(record.name, record.definition)))
        self.clock_stepped(now)

    def __len__(self) -> int:
        return len(self._plans)

    def plan(self, name: str) -> Plan:
        """Return a schedule. Raises NoSchedule."""
        plan = self._plans.get(name)
        if plan is None:
            raise NoSchedule(name)
        return plan

    def all(self) -> list[Plan]:
        """Return all schedules by name."""
        return [self._plans[name] for name in sorted(self._plans)]

    def set(self, schedule: Schedule, now: Instant) -> Undo:
        """Add a schedule, or put it in the place of the one of its name; return the inverse.

        Raises:
            Invalid, Overloaded: nothing happened.
        """
        check_schedule(schedule, now)
        old = self._plans.get(schedule.name)
        if old is None and len(self._plans) >= self._schedules_max:
            raise Overloaded("schedules", self._schedules_max)
        if old is None:
            progress = begin(schedule, now)
        else:
            progress = replaced(schedule, now, old.schedule, old.progress)
        self.restore(Plan(schedule, progress))
        return lambda: self._forget(schedule.name) if old is None else self.restore(old)

    def delete(self, name: str) -> Undo:
        """Forget a schedule; return the inverse. Raises NoSchedule."""
        plan = self.plan(name)
        self._forget(name)
        return lambda: self.restore(plan)

    def restore(self, plan: Plan, at: Instant | None = None) -> None:
        """Put a schedule as it is said to be; it is looked at when it is due, or *at* an instant.

        A schedule that was deleted meanwhile is there again: steps are undone in reverse order.
        """
        name = plan.schedule.name
        self._stop(name)
        self._plans[name] = plan
        at = plan.progress.next_at if at is None else at
        if at is not None:
            self._timer_of[name] = self._timers.add(at, name)

    # --- time ----------------------------------------------------------------------------------

    def put_off(self, plan: Plan, at: Instant) -> None:
        """Look at a schedule *at* an instant and no earlier, if it is still what it was."""
        if self._plans.get(plan.schedule.name) is plan:
            self.restore(plan, at)

    def next_at(self) -> Instant | None:
        """Return when a schedule is due next."""
        return self._timers.next_at()

    def due(self, now: Instant, schedules_max: int = CRON_DUE_MAX) -> list[Plan]:
        """Return what is due, the earliest first."""
        names = list(islice(self._timers.pop_due(now), schedules_max))
        for name in names:
            del self._timer_of[name]
        return [self._plans[name] for name in names]

    def clock_stepped(self, now: Instant) -> None:
        """Let schedules begin anew that followed a clock which was far ahead.

        One that is ahead by less waits until the clock is where it was: no run is due twice.
        """
        for plan in list(self._plans.values()):
            if is_ahead(plan.progress, now):
                self.restore(replace(plan, progress=begin(plan.schedule, now, plan.progress)))

    def _forget(self, name: str) -> None:
        self._stop(name)
        del self._plans[name]

    def _stop(self, name: str) -> None:
        timer = self._timer_of.pop(name, None)
        if timer is not None:
            self._timers.cancel(timer)


# --- within a turn -------------------------------------------------------------------------------


def set_schedule(turn: RunningTurn, schedules: Schedules, schedule: Schedule, now: Instant) -> None:
    """Let a schedule be, from now on. Raises Invalid, Overloaded."""
    turn.undo_log.add(schedules.set(schedule, now))
    put_schedule(turn.writes, schedules.plan(schedule.name).record)


def delete_schedule(turn: RunningTurn, schedules: Schedules, name: str) -> bool:
    """Let a schedule be no more; say whether there was one."""
    try:
        turn.undo_log.add(schedules.delete(name))
    except NoSchedule:
        return False
    drop_schedule(turn.writes, name)
    return True


def run_all(
    turn: RunningTurn,
    schedules: Schedules,
    submit: Submit,
    is_unfinished: IsUnfinished,
    *,
    now: Instant,
    jitter: JitterSource,
) -> Ran:
    """Submit the runs that are due, and write how far their schedules are with them."""
    ran = Ran()
    for plan in schedules.due(now):
        ran.remember(plan)
        previous = needs_previous(plan.schedule, plan.progress)
        is_running = False if previous is None else is_unfinished(previous)
        if is_running is None:
            schedules.restore(plan, now)
            continue
        decided = decide_runs(
            plan.schedule, plan.progress, now, jitter, previous_unfinished=is_running
        )
        jobs, problem = _submit_all(plan, decided, submit, ran)
        progress = submitted(plan.progress, decided, jobs)
        if problem is not None:
            progress = replace(progress, last_error=str(problem))
        after = replace(plan, progress=progress)
        waits = len(jobs) < len(decided.runs)
        schedules.restore(after, Instant(now + CRON_RETRY_MS) if waits else None)
        ran.skipped_count += progress.skipped_count - plan.progress.skipped_count
        if jobs or not waits:
            put_schedule(turn.writes, after.record)
    turn.undo_log.add(lambda: ran.undo(schedules))
    return ran


def _submit_all(
    plan: Plan, decided: Runs, submit: Submit, ran: Ran
) -> tuple[list[JobId | None], Refused | None]:
    """Submit runs until one has to wait; return the jobs, and why the last run has none."""
    jobs: list[JobId | None] = []
    problem: Refused | None = None
    for run in decided.runs:
        try:
            jobs.append(submit(run.request))
        except PASSING as refusal:
            return jobs, refusal
        except Refused as refusal:
            problem = refusal
            jobs.append(None)
            ran.unrun.append(Unrun(plan.schedule.name, run.slot, str(refusal)))
        else:
            problem = None
            ran.jobs_count += 1
    return jobs, problem
