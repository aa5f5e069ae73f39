"""A schedule: which job is submitted, and when; and how far it is."""

from enum import Enum
from typing import Final

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from penstock.config.limits import (
    CRON_AHEAD_MS_MAX,
    CRON_JITTER_MS_MAX,
    CRON_MISSED_DEFAULT,
    CRON_MISSED_MAX,
)
from penstock.jobs.cron.expression import Expression
from penstock.jobs.cron.zones import Zone, zone_named
from penstock.jobs.errors import Invalid
from penstock.jobs.job_options import JobOptions
from penstock.jobs.model import Instant, JobId, TaskName

PREFIX: Final = (
    "cron:"  # Of the keys of its jobs, of their producer, and of the group they wait in.
)

_VERSION: Final = 1


class Missed(Enum):
    """What becomes of runs that were missed."""

    SKIP = "skip"
    ONCE = "once"  # One run stands for all of them.
    ALL = "all"  # The latest ones run, up to a limit, the earliest first.


class Overlap(Enum):
    """What becomes of a run that is due while the job of the last one is not finished."""

    ALLOW = "allow"
    SKIP = "skip"
    WAIT = "wait"  # In the order of their runs: the jobs form a group.


class Schedule(Struct, frozen=True):
    """What one schedule does. `options` has no delay and no instant: those are the run's."""

    name: str
    expression: Expression
    zone: Zone
    task: TaskName
    payload: bytes
    options: JobOptions = JobOptions()
    missed: Missed = Missed.ONCE
    missed_max: int = CRON_MISSED_DEFAULT
    jitter_ms: int = 0
    overlap: Overlap = Overlap.ALLOW


class Progress(Struct, frozen=True, omit_defaults=True):
    """How far a schedule is: all runs up to `decided_at` were submitted or skipped.

    `next_at` is the first after that, None if there is none. `last_job_id` is the job of the run
    that was due at `last_at`. `last_error` is why the latest run was not submitted, if it was not.
    """

    decided_at: Instant
    next_at: Instant | None
    last_at: Instant | None = None
    last_job_id: JobId | None = None
    runs_count: int = 0
    skipped_count: int = 0
    last_error: str | None = None


def check_schedule(schedule: Schedule, now: Instant) -> None:
    """Raises Invalid."""
    if not 1 <= schedule.missed_max <= CRON_MISSED_MAX:
        raise Invalid(f"MISSED-MAX must be from 1 to {CRON_MISSED_MAX}, not {schedule.missed_max}")
    if not 0 <= schedule.jitter_ms <= CRON_JITTER_MS_MAX:
        raise Invalid(f"JITTER must be from 0 to {CRON_JITTER_MS_MAX}, not {schedule.jitter_ms}")
    deadline_ms = schedule.options.deadline_ms
    if deadline_ms is not None and deadline_ms <= schedule.jitter_ms:
        raise Invalid(
            f"DEADLINE {deadline_ms} may end before the job is due, by JITTER {schedule.jitter_ms}"
        )
    if schedule.expression.next_after(now, schedule.zone) is None:
        raise Invalid(
            f"the cron expression {schedule.expression.source!r} names no time that ever comes"
        )


def begin(schedule: Schedule, now: Instant, before: Progress | None = None) -> Progress:
    """Return how far a schedule is that is set now, in the place of one that was *before*.

    What that one decided stays decided, unless it is far ahead of the clock.
    """
    decided_at = now
    if before is not None and not is_ahead(before, now):
        decided_at = max(now, before.decided_at)
    next_at = schedule.expression.next_after(decided_at, schedule.zone)
    if before is None:
        return Progress(decided_at, next_at)
    return replace(before, decided_at=decided_at, next_at=next_at, last_error=None)


def replaced(schedule: Schedule, now: Instant, old: Schedule, before: Progress) -> Progress:
    """Return how far a schedule is that takes the place of an *old* one.

    Runs that are due by now are due still if the times are the same: who sets a schedule whenever
    his program starts is not to lose those.
    """
    are_same_times = (schedule.expression, schedule.zone.name) == (old.expression, old.zone.name)
    if are_same_times and not is_ahead(before, now):
        return replace(before, last_error=None)
    return begin(schedule, now, before)


def is_ahead(progress: Progress, now: Instant) -> bool:
    """Say whether a schedule followed a clock that was wrong, and is to begin anew."""
    return progress.decided_at - now > CRON_AHEAD_MS_MAX


# --- keeping them --------------------------------------------------------------------------------


class _Saved(Struct, omit_defaults=True):
    """A schedule as the store keeps it: JSON. Its name is the record's."""

    version: int
    expression: str
    zone: str
    task: str
    payload: bytes
    options: JobOptions
    missed: Missed
    missed_max: int
    jitter_ms: int
    overlap: Overlap
    progress: Progress


class _Version(Struct):
    version: int


def encode_schedule(schedule: Schedule, progress: Progress) -> bytes:
    """Return what the store keeps of a schedule."""
    saved = _Saved(
        _VERSION,
        schedule.expression.source,
        schedule.zone.name,
        schedule.task,
        schedule.payload,
        schedule.options,
        schedule.missed,
        schedule.missed_max,
        schedule.jitter_ms,
        schedule.overlap,
        progress,
    )
    return msgspec.json.encode(saved)


def decode_schedule(name: str, definition: bytes) -> tuple[Schedule, Progress]:
    """Read what was kept. Raises ValueError: a newer version wrote it."""
    version = msgspec.json.decode(definition, type=_Version).version
    if version > _VERSION:
        raise ValueError(f"schedule {name} was written by a newer version of Penstock")
    saved = msgspec.json.decode(definition, type=_Saved)
    schedule = Schedule(
        name,
        Expression(saved.expression),
        zone_named(saved.zone),
        TaskName(saved.task),
        saved.payload,
        saved.options,
        saved.missed,
        saved.missed_max,
        saved.jitter_ms,
        saved.overlap,
    )
    return schedule, saved.progress
