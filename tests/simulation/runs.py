"""Whether schedules run when they are to: each slot at most once, and what was missed as asked."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from penstock.config.limits import CRON_AHEAD_MS_MAX, CRON_LATE_MS
from penstock.jobs.cron.expression import Expression
from penstock.jobs.cron.schedule import (
    Missed,
    Overlap,
    Progress,
    Schedule,
    decode_schedule,
    is_ahead,
)
from penstock.jobs.cron.zones import zone_named
from penstock.jobs.job_options import JobOptions
from penstock.jobs.model import FINISHED, Instant, JobId, QueueName, TaskName
from penstock.jobs.store.port import Batch

if TYPE_CHECKING:
    from tests.simulation.chronicle import Chronicle, Seen

_PRODUCER = re.compile("cron:(.*)")
PERIODS_MS = {"*/5 * * * * *": 5_000, "* * * * *": 60_000, "*/20 * * * * *": 20_000}


def a_schedule(
    name: str,
    expression: str,
    queue: QueueName,
    missed: Missed,
    overlap: Overlap,
    missed_max: int,
    jitter_ms: int,
) -> Schedule:
    return Schedule(
        name,
        Expression(expression),
        zone_named("UTC"),
        TaskName("t"),
        b"1",
        JobOptions(queue, attempts_max=1),
        missed,
        missed_max,
        jitter_ms,
        overlap,
    )


class SlotRuns:
    """Holds each commit's jobs of schedules against how far it says that these are."""

    def __init__(self, chronicle: Chronicle) -> None:
        self._chronicle = chronicle
        self._slots: dict[str, set[int]] = {}
        self._decided: dict[str, int] = {}  # All slots up to here.
        self._expressions: dict[str, Expression] = {}
        self._finished: list[set[JobId]] = []  # Jobs that were finished, the last commits.
        self._steps: list[Instant] = []  # When the clock was set, since the turn was begun.
        # What was set (or deleted: None) in the turn that is open, in that order.
        self.set_now: list[tuple[str, Schedule | None]] = []

    def begin_turn(self) -> None:
        """Take note of what happened since the last one was begun."""
        for now in self._steps:
            self._begin_anew(now)
        self._steps.clear()

    def clock_stepped(self, now: Instant) -> None:
        """The clock was set, which is no concern of a turn that is being written."""
        self._steps.append(now)

    def _begin_anew(self, now: Instant) -> None:
        """Let those begin anew that are far ahead of the clock."""
        for name, decided_at in self._decided.items():
            if decided_at - now > CRON_AHEAD_MS_MAX:
                self._decided[name] = now
                self._slots[name] = {slot for slot in self._slots.get(name, ()) if slot <= now}

    def started(self, now: Seen, at: Instant) -> None:
        """A server goes on with what is written; that a schedule began anew is not."""
        for name, record in now.schedules.items():
            self._decided[name] = decode_schedule(name, record.definition)[1].decided_at
        self._steps[:] = [at]

    def check(self, batch: Batch, before: Seen, now: Seen) -> None:
        submitted: dict[str, list[int]] = {}
        for submission in batch.submissions:
            run = _PRODUCER.fullmatch(submission.job.producer or "")
            if run is not None:
                assert submission.job.key is not None
                slot = int(submission.job.key.removeprefix(f"cron:{run[1]}:"))
                submitted.setdefault(run[1], []).append(slot)
        fresh = {name for name, schedule in self.set_now if schedule is None}
        for name, wanted in self.set_now:
            self._set(name, wanted, batch.now)
        for name, record in now.schedules.items():
            schedule, progress = decode_schedule(name, record.definition)
            slots = submitted.pop(name, [])
            old = before.schedules.get(name)
            if old is None or name in fresh:
                previous = None
            else:
                previous = decode_schedule(name, old.definition)[1].last_job_id
            if record == old:
                assert not slots, f"{name} runs, and does not say so"
                continue
            self._check_slots(schedule, slots, progress, previous, batch.now, before)
            known = self._slots.setdefault(name, set())
            assert known.isdisjoint(slots), f"{name} runs twice"
            known.update(slots)
            self._decided[name] = progress.decided_at
        assert not submitted, f"schedules run that are not there: {submitted}"
        finished = {i for i, state in now.jobs.items() if state in FINISHED}
        self._finished = [*self._finished[-3:], finished]

    def _set(self, name: str, schedule: Schedule | None, now: Instant) -> None:
        """One that is set anew goes on where it is; at other times, with what is to come."""
        if schedule is None:
            self._decided.pop(name, None)
            self._slots.pop(name, None)
        elif name not in self._decided:
            self._decided[name] = now
            self._expressions[name] = schedule.expression
        elif self._expressions[name] != schedule.expression:
            self._decided[name] = max(now, self._decided[name])
            self._expressions[name] = schedule.expression

    def _check_slots(
        self,
        schedule: Schedule,
        slots: list[int],
        progress: Progress,
        previous: JobId | None,
        now: Instant,
        before: Seen,
    ) -> None:
        name, decided_at = schedule.name, self._decided[schedule.name]
        if progress.decided_at == decided_at or is_ahead(progress, now):
            assert not slots, f"{name} runs, and does not say so"
            return
        expected = self._expected(schedule, decided_at, now)
        assert expected is not None, f"{name} goes on, and nothing is due"
        if schedule.overlap is Overlap.SKIP and expected:
            expected = expected[:1]
            if not slots:
                assert previous is not None
                was_finished = all(previous in finished for finished in self._finished)
                assert not was_finished, f"{name} skips a run beside nothing"
                expected = []
            elif previous in before.jobs:
                assert before.jobs[previous] in FINISHED, f"{name} runs beside itself"
        if slots == expected:
            assert progress.decided_at == max(now, decided_at), f"{name} is not as far as that"
        else:
            assert slots, f"{name} lost {expected}"
            assert slots == expected[: len(slots)], f"{name} runs {slots}, not {expected}"
            assert progress.decided_at == slots[-1], f"{name} would run again, or lose runs"

    def _expected(self, schedule: Schedule, decided_at: int, now: Instant) -> list[int] | None:
        """Return the slots that are to run, None if none is due."""
        period = PERIODS_MS[schedule.expression.source]
        first = decided_at // period * period + period
        due = list(range(first, now + 1, period))
        if not due:
            return None
        late = [slot for slot in due if slot < now - CRON_LATE_MS]
        fresh = due[len(late) :]
        match schedule.missed:
            case Missed.SKIP:
                late = []
            case Missed.ONCE:
                late = [] if fresh else late[-1:]
            case Missed.ALL:
                late = late[-schedule.missed_max :]
        return late + fresh
