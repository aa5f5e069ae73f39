"""Jobs for the tests of the stores, and their next records."""

from msgspec.structs import replace

from penstock.jobs.model import FailedAttempt, Instant, Job, JobId, QueueName, State, TaskName
from penstock.jobs.store.port import Submission

QUEUE = QueueName("default")
NOW = Instant(1_700_000_000_000)


def a_job(job_id: int, *, queue: str = QUEUE, rank: int = 1000, key: str | None = None) -> Job:
    return Job(
        id=JobId(job_id),
        queue=QueueName(queue),
        task=TaskName("echo"),
        state=State.READY,
        rank=rank,
        priority=1000,
        attempts_max=3,
        timeout_ms=300_000,
        submitted_at=NOW,
        due_at=NOW,
        key=key,
    )


def scheduled(job: Job, due_at: int) -> Job:
    return replace(job, state=State.SCHEDULED, due_at=Instant(due_at))


def submission(job: Job, payload: bytes = b"[]", fingerprint: bytes = b"") -> Submission:
    return Submission(job, payload, fingerprint)


def submissions(*jobs: Job) -> list[Submission]:
    return [submission(job) for job in jobs]


def claimed(job: Job, at: int = NOW + 10) -> Job:
    return replace(job, state=State.CLAIMED, attempt=job.attempt + 1, claimed_at=Instant(at))


def completed(job: Job, *, remove_at: int = NOW + 1000) -> Job:
    return replace(
        job,
        state=State.COMPLETED,
        finished_at=Instant(NOW + 20),
        remove_at=Instant(remove_at),
    )


def dead(job: Job, *, remove_at: int = NOW + 1000) -> Job:
    died = completed(job, remove_at=remove_at)
    return replace(died, state=State.DEAD, failures=job.failures + 1)


def released(job: Job) -> Job:
    return replace(job, state=State.READY, claimed_at=None)


def retried(job: Job, due_at: int) -> Job:
    return replace(
        job,
        state=State.SCHEDULED,
        failures=job.failures + 1,
        due_at=Instant(due_at),
        claimed_at=None,
    )


def failed_attempt(job: Job, error: str = "ValueError: boom\n  line 1") -> FailedAttempt:
    return FailedAttempt(
        job.id, job.attempt, "worker-1", Instant(NOW + 10), Instant(NOW + 15), error
    )
