"""Which runs of a schedule are submitted now, and which are skipped."""

from collections.abc import Iterator, Sequence
from typing import assert_never

from msgspec import Struct
from msgspec.structs import replace

from penstock.config.limits import CRON_LATE_MS, CRON_SKIPPED_COUNT_MAX
from penstock.jobs.cron.schedule import PREFIX, Missed, Overlap, Progress, Schedule
from penstock.jobs.model import Instant, JobId
from penstock.jobs.policy import SubmitRequest
from penstock.jobs.retry import JitterSource


class Run(Struct, frozen=True):
    """One run: when it is due by its expression, and the job to be submitted."""

    slot: Instant
    request: SubmitRequest


class Runs(Struct, frozen=True):
    """What to submit, the earliest run first, and how far the schedule is once that is done.

    All that is skipped is skipped before the first of the runs, or there is one run only.
    """

    runs: tuple[Run, ...]
    progress: Progress


def needs_previous(schedule: Schedule, progress: Progress) -> JobId | None:
    """Return the job of which must be known whether it is finished, before runs are decided."""
    return progress.last_job_id if schedule.overlap is Overlap.SKIP else None


def decide_runs(
    schedule: Schedule,
    progress: Progress,
    now: Instant,
    jitter: JitterSource,
    *,
    previous_unfinished: bool = False,
) -> Runs:
    """Decide about all runs that fell due since the last decision.

    One that is later than a minute was missed. Where runs were missed and one run is to stand for
    them, one that is due just now does.
    """
    slots, skipped_count = _select(schedule, progress, now)
    if schedule.overlap is Overlap.SKIP and slots:
        kept_count = 0 if previous_unfinished else 1
        skipped_count += len(slots) - kept_count
        slots = slots[:kept_count]
    decided_at = max(now, progress.decided_at)
    return Runs(
        tuple(_run(schedule, slot, now, jitter) for slot in slots),
        replace(
            progress,
            decided_at=decided_at,
            next_at=schedule.expression.next_after(decided_at, schedule.zone),
            skipped_count=progress.skipped_count + skipped_count,
        ),
    )


def submitted(before: Progress, decided: Runs, jobs: Sequence[JobId | None]) -> Progress:
    """Return how far a schedule is, of whose runs the first ones were dealt with.

    *jobs* has for each of those its job, or None where it was refused for ever; the others are
    due still.
    """
    if not jobs and decided.runs:
        return before
    progress = decided.progress
    if len(jobs) < len(decided.runs):
        done = decided.runs[len(jobs) - 1].slot
        progress = replace(progress, decided_at=done, next_at=decided.runs[len(jobs)].slot)
    for run, job_id in zip(decided.runs, jobs, strict=False):
        if job_id is not None:
            progress = replace(
                progress,
                last_at=run.slot,
                last_job_id=job_id,
                runs_count=progress.runs_count + 1,
                last_error=None,
            )
    return progress


def _select(schedule: Schedule, progress: Progress, now: Instant) -> tuple[list[Instant], int]:
    """Return the runs to submit, the earliest first, and how many are skipped for being late."""
    slots: list[Instant] = []
    skipped_count = 0
    late_max: int | None = None
    for slot in _due(schedule, progress, now):
        if slot >= now - CRON_LATE_MS:
            slots.append(slot)
            continue
        if late_max is None:
            late_max = _late_max(schedule, has_fresh=bool(slots))
        if late_max:
            slots.append(slot)
            late_max -= 1
        else:
            skipped_count += 1
            if skipped_count == CRON_SKIPPED_COUNT_MAX:
                break
    slots.reverse()
    return slots, skipped_count


def _late_max(schedule: Schedule, *, has_fresh: bool) -> int:
    """Return how many of the runs that were missed are made up for."""
    match schedule.missed:
        case Missed.SKIP:
            return 0
        case Missed.ONCE:
            return 0 if has_fresh else 1
        case Missed.ALL:
            return schedule.missed_max
        case _:
            assert_never(schedule.missed)


def _due(schedule: Schedule, progress: Progress, now: Instant) -> Iterator[Instant]:
    """Yield the runs that are not decided, the latest first."""
    if progress.next_at is None or progress.next_at > now:
        return
    for slot in schedule.expression.before(Instant(now + 1), schedule.zone):
        if slot <= progress.decided_at:
            return
        yield slot


def _run(schedule: Schedule, slot: Instant, now: Instant, jitter: JitterSource) -> Run:
    """Make the job of a run. The jitter of one that was missed begins now: none bunch up."""
    due_at = now if slot < now - CRON_LATE_MS else slot
    options = replace(schedule.options, at=due_at + int(jitter() * schedule.jitter_ms))
    if schedule.overlap is Overlap.WAIT and options.group is None:
        options = replace(options, group=f"{PREFIX}{schedule.name}")
    request = options.request(
        schedule.task,
        schedule.payload,
        key=f"{PREFIX}{schedule.name}:{slot}",
        producer=f"{PREFIX}{schedule.name}",
    )
    return Run(slot, request)
