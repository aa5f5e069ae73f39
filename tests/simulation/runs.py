"""Whether schedules run when they are to: each slot at most once, and what was missed as asked."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from penstock.config.limits import CRON_AHEAD_MS_MAX, CRON_LATE_MS
from penstock.jobs.cron.expression import Expression
from penstock.jobs.cron.schedule import Missed, Overlap, Progress, Schedule, decode_schedule
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
        self.set_now: set[str] = set()  # In the turn that is open.
        self._decided: dict[str, int] = {}  # All slots up to here.
        self._finished: list[set[JobId]] = []  # Jobs that were finished, the last commits.

    def forget(self, name: str) -> None:
        """A schedule was deleted: one of its name begins anew."""
        self._slots.pop(name, None)
        self._decided.pop(name, None)

    def clock_stepped(self, now: Instant) -> None:
        """One that is far ahead of the clock begins anew."""
        for name, decided_at in self._decided.items():
            if decided_at - now > CRON_AHEAD_MS_MAX:
                self._decided[name] = now
                self._slots[name] = {slot for slot in self._slots.get(name, ()) if slot <= now}

    def check(self, batch: Batch, before: Seen, now: Seen) -> None:
        submitted: dict[str, list[int]] = {}
        for submission in batch.submissions:
            run = _PRODUCER.fullmatch(submission.job.producer or "")
            if run is not None:
                assert submission.job.key is not None
                slot = int(submission.job.key.removeprefix(f"cron:{run[1]}:"))
                submitted.setdefault(run[1], []).append(slot)
        for name, record in now.schedules.items():
            schedule, progress = decode_schedule(name, record.definition)
            slots = submitted.pop(name, [])
            old = before.schedules.get(name)
            if name in self.set_now:
                assert not slots, f"{name} runs as it is set"
            else:
                assert old is not None
                self._check_slots(schedule, slots, progress, old.definition, batch.now, before)
            known = self._slots.setdefault(name, set())
            assert known.isdisjoint(slots), f"{name} runs twice"
            known.update(slots)
            if slots or name in self.set_now or old is None or old != record:
                self._decided[name] = progress.decided_at
        assert not submitted, f"schedules run that are not there: {submitted}"
        finished = {i for i, state in now.jobs.items() if state in FINISHED}
        self._finished = [*self._finished[-3:], finished]

    def _check_slots(
        self,
        schedule: Schedule,
        slots: list[int],
        progress: Progress,
        old_definition: bytes,
        now: Instant,
        before: Seen,
    ) -> None:
        name = schedule.name
        _, old = decode_schedule(name, old_definition)
        if progress == old:
            assert not slots, f"{name} runs, and does not say so"
            return
        decided_at = self._decided[name]
        expected = self._expected(schedule, decided_at, now)
        assert expected is not None, f"{name} goes on, and nothing is due"
        if schedule.overlap is Overlap.SKIP and expected:
            previous = old.last_job_id
            expected = expected[:1]
            if not slots and progress.decided_at > decided_at:
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
