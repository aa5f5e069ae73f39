"""How a wait for a job ends, and what a finished job's record says about its end."""

from msgspec import Struct

from penstock.jobs.model import FailedAttempt, Job, State
from penstock.jobs.store.port import JobRecord


class Completed(Struct, frozen=True, gc=False):
    """The job succeeded."""

    result: bytes


class Died(Struct, frozen=True, gc=False):
    """The job failed for good; `error` is the first line of its last error."""

    failures: int
    attempts_max: int
    error: str


class WaitEnded(Struct, frozen=True, gc=False):
    """The job has not finished; it goes on."""


class ServerLeaves(Struct, frozen=True, gc=False):
    """The job has not finished and this server stops; it goes on when the server is back."""


Outcome = Completed | Died | WaitEnded | ServerLeaves


def outcome_of(record: JobRecord) -> Completed | Died:
    """Return how a finished job ended."""
    if record.job.state is State.COMPLETED:
        assert record.result is not None
        return Completed(record.result)
    assert record.job.state is State.DEAD
    return died(record.job, record.failed_attempts[-1])


def was_completed(record: JobRecord | None, attempt: int) -> bool:
    """Say whether this very attempt completed the job: completing twice is harmless."""
    if record is None:
        return False
    return record.job.state is State.COMPLETED and record.job.attempt == attempt


def died(job: Job, last: FailedAttempt) -> Died:
    """Return the outcome of a dead job, whose last attempt is told apart from it."""
    return Died(job.failures, job.attempts_max, last.error.partition("\n")[0])
