"""A job's next record, one function a cause. Each asserts that the table allows it."""

from msgspec.structs import replace

from penstock.jobs.model import Instant, Job
from penstock.jobs.transitions import Cause, next_state


def with_claim(job: Job, now: Instant, *, skipped: int = 0) -> Job:
    """Return the record of the next attempt, after leaving out some numbers."""
    return replace(
        job,
        state=next_state(job.state, Cause.CLAIM),
        attempt=job.attempt + 1 + skipped,
        claimed_at=now,
    )


def with_due(job: Job) -> Job:
    """Return the record of a scheduled job that fell due."""
    return replace(job, state=next_state(job.state, Cause.FALL_DUE))


def with_result(job: Job, *, now: Instant, keep_ms: int) -> Job:
    """Return the record of a success, whose result is kept for *keep_ms*."""
    return replace(
        job,
        state=next_state(job.state, Cause.COMPLETE),
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


def with_release(job: Job, now: Instant) -> Job:
    """Return the record of a job that was given back: it waits again from now on."""
    return replace(job, state=next_state(job.state, Cause.RELEASE), due_at=now, claimed_at=None)
