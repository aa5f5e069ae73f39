"""How a wait for a job ends, and what a finished job's record says about its end."""

from msgspec import Struct

from penstock.jobs.model import FailedAttempt, Job, State
from penstock.jobs.store.port import JobEnd


class Completed(Struct, frozen=True, gc=False):
    """The job succeeded."""

    result: bytes


class Died(Struct, frozen=True, gc=False):
    """The job failed for good; `error` is the first line of its last error.

    With fewer failures than it was allowed, its last *attempt* said that no further one helps.
    """

    failures: int
    attempts_max: int
    error: str
    attempt: int


class Cancelled(Struct, frozen=True, gc=False):
    """The job was cancelled before it succeeded."""

    reason: str


class Expired(Struct, frozen=True, gc=False):
    """The job's deadline passed before it was started."""

    reason: str


class WaitEnded(Struct, frozen=True, gc=False):
    """The job has not finished; it goes on."""


class ServerLeaves(Struct, frozen=True, gc=False):
    """The job has not finished and this server stops; it goes on when the server is back."""


Ending = Completed | Died | Cancelled | Expired
Outcome = Ending | WaitEnded | ServerLeaves


def outcome_of(end: JobEnd) -> Ending:
    """Return how a finished job ended."""
    job = end.job
    if job.state is State.COMPLETED:
        assert end.result is not None
        return Completed(end.result)
    if job.state is State.DEAD:
        assert end.last_failed is not None
        return died(job, end.last_failed)
    return ended_early(job)


def ended_early(job: Job) -> Cancelled | Expired:
    """Return the outcome of a job that was cancelled or expired."""
    reason = job.reason or ""
    if job.state is State.CANCELLED:
        return Cancelled(reason)
    assert job.state is State.EXPIRED
    return Expired(reason)


def was_completed(end: JobEnd | None, attempt: int) -> bool:
    """Say whether this very attempt completed the job: completing twice is harmless."""
    return end is not None and end.job.state is State.COMPLETED and end.job.attempt == attempt


def died(job: Job, last: FailedAttempt) -> Died:
    """Return the outcome of a dead job, whose last attempt is told apart from it."""
    first_line = last.error.partition("\n")[0]
    return Died(job.failures, job.attempts_max, first_line, last.attempt)
