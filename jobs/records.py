"""A job's next record, one function a cause. Each asserts that the table allows it."""

from typing import Final

from msgspec.structs import replace

from penstock.jobs.model import Instant, Job
from penstock.jobs.transitions import Cause, next_state

# Looked up once: in Python 3.11 a member of an enumeration costs as much as two calls.
_CLAIM: Final = Cause.CLAIM
_COMPLETE: Final = Cause.COMPLETE


def with_claim(job: Job, now: Instant, *, skipped: int = 0) -> Job:
    """Return the record of the next attempt, after leaving out some numbers."""
    return replace(
        job,
        state=next_state(job.state, _CLAIM),
        attempt=job.attempt + 1 + skipped,
        claimed_at=now,
    )


def with_due(job: Job, *, rank: int) -> Job:
    """Return the record of a scheduled job that fell due."""
    return replace(job, state=next_state(job.state, Cause.FALL_DUE), rank=rank)


def with_result(job: Job, *, now: Instant, keep_ms: int) -> Job:
    """Return the record of a success, whose result is kept for *keep_ms*."""
    return replace(
        job,
        state=next_state(job.state, _COMPLETE),
        finished_at=now,
        remove_at=Instant(now + keep_ms),
    )


def with_failure(job: Job, *, due_at: Instant | None, now: Instant, keep_ms: int) -> Job:
    """Return the record after a failure: scheduled for *due_at*, or dead if that is None."""
    if due_at is None:
        return replace(
            job,
            state=next_state(job.state, Cause.GIVE_UP),
            failures=job.failures + 1,
            finished_at=now,
            remove_at=Instant(now + keep_ms),
        )
    return replace(
        job,
        state=next_state(job.state, Cause.RETRY),
        failures=job.failures + 1,
        due_at=due_at,
        claimed_at=None,
    )


def with_release(job: Job, now: Instant, *, rank: int) -> Job:
    """Return the record of a job that was given back: it waits again from now on."""
    return replace(
        job,
        state=next_state(job.state, Cause.RELEASE),
        rank=rank,
        releases=job.releases + 1,
        due_at=now,
        claimed_at=None,
    )


def with_snooze(job: Job, due_at: Instant) -> Job:
    """Return the record of a job that was given back, to be run later."""
    return replace(
        job,
        state=next_state(job.state, Cause.SNOOZE),
        releases=job.releases + 1,
        due_at=due_at,
        claimed_at=None,
    )


def with_stop(job: Job, reason: str, now: Instant) -> Job:
    """Return the record of a job that runs and is to stop."""
    return replace(job, cancel_asked_at=now, reason=reason)


def with_end(
    job: Job, cause: Cause, reason: str, *, now: Instant, keep_ms: int, frees_key: bool = False
) -> Job:
    """Return the record of a job that is cancelled or expired, for a reason.

    Its key stays its own, so that who sends it again learns of its end; unless it is replaced.
    """
    return replace(
        job,
        state=next_state(job.state, cause),
        reason=reason,
        claimed_at=None,
        finished_at=now,
        remove_at=Instant(now + keep_ms),
        key=None if frees_key else job.key,
        key_expires_at=None if frees_key else job.key_expires_at,
    )


def with_redrive(job: Job, *, rank: int, now: Instant) -> Job:
    """Return the record of a finished job that is to run again, with all its attempts.

    In an ordering group it waits for its turn: the store knows who else is there.
    """
    cause = Cause.REDRIVE if job.group is None else Cause.REJOIN
    return replace(
        job,
        state=next_state(job.state, cause),
        rank=rank,
        failures=0,
        due_at=now,
        claimed_at=None,
        finished_at=None,
        remove_at=None,
        expires_at=None,
        cancel_asked_at=None,
        reason=None,
    )


def with_order(job: Job, *, priority: int, rank: int) -> Job:
    """Return the record of a job that waits at another place."""
    return replace(job, priority=priority, rank=rank)


def without_key(job: Job) -> Job:
    """Return the record of a job whose key was taken by another."""
    return replace(job, key=None, key_expires_at=None)
