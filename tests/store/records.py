"""Jobs for the tests of the stores, and their next records."""

from msgspec.structs import replace

from penstock.jobs.model import FailedAttempt, Instant, Job, JobId, QueueName, State, TaskName
from penstock.jobs.retry_policy import RetryPolicy
from penstock.jobs.store.port import Submission

QUEUE = QueueName("default")
NOW = Instant(1_700_000_000_000)


def a_job(
    job_id: int,
    *,
    queue: str = QUEUE,
    rank: int = 1000,
    key: str | None = None,
    group: str | None = None,
    tenant: str | None = None,
) -> Job:
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
        group=group,
        tenant=tenant,
    )


def full_job(job_id: int) -> Job:
    """Return a new job that has all that a job may have."""
    return replace(
        a_job(job_id, key="order-17", group="customer-3", tenant="shop"),
        producer="web-1",
        expires_at=Instant(NOW + 60_000),
        keep_ms=0,
        retry=RetryPolicy(base_ms=1, cap_ms=2, jitter=False, delays_ms=(3, 4)),
        payload_bytes=2,
        key_expires_at=Instant(NOW + 5_000),
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


def cancelled(job: Job, *, remove_at: int = NOW + 1000, reason: str | None = None) -> Job:
    ended = completed(job, remove_at=remove_at)
    return replace(ended, state=State.CANCELLED, reason=reason)


def expired(job: Job, *, remove_at: int = NOW + 1000) -> Job:
    return replace(completed(job, remove_at=remove_at), state=State.EXPIRED)


def blocked(job: Job) -> Job:
    return replace(job, state=State.BLOCKED)


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
