"""All that is shown of one job."""

from __future__ import annotations

from penstock.jobs.leases import Lease, Progress
from penstock.jobs.model import FailedAttempt, Job
from penstock.jobs.reasons import Reason
from penstock.jobs.retry_policy import RetryPolicy
from penstock.jobs.store.port import JobRecord
from penstock.protocol.replies import Value


def details(
    job: Job, record: JobRecord, lease: Lease | None, reason: Reason | None
) -> dict[str, Value]:
    """Return all about a job: as it is now, as the store has it, while it runs or waits."""
    return {
        "id": job.id,
        "queue": job.queue,
        "task": job.task,
        "state": job.state.value,
        "priority": job.priority,
        "attempt": job.attempt,
        "failures": job.failures,
        "releases": job.releases,
        "attempts_max": job.attempts_max,
        "timeout_ms": job.timeout_ms,
        "submitted_at": job.submitted_at,
        "due_at": job.due_at,
        "claimed_at": job.claimed_at,
        "finished_at": job.finished_at,
        "remove_at": job.remove_at,
        "key": job.key,
        "tenant": job.tenant,
        "group": job.group,
        "producer": job.producer,
        "expires_at": job.expires_at,
        "keep_ms": job.keep_ms,
        "retry": _retry(job.retry),
        "payload_bytes": job.payload_bytes,
        "cancel_asked_at": job.cancel_asked_at,
        "reason": job.reason,
        "payload": record.payload,
        "result": record.result,
        "errors": [_failed(attempt) for attempt in record.failed_attempts],
        "progress": None if lease is None else _progress(lease.progress),
        "output": None if lease is None else lease.output,
        "waits_for": _waits_for(reason),
    }


def _failed(attempt: FailedAttempt) -> dict[str, Value]:
    return {
        "attempt": attempt.attempt,
        "worker": attempt.worker,
        "claimed_at": attempt.claimed_at,
        "failed_at": attempt.failed_at,
        "error": attempt.error,
        "output": attempt.output,
    }


def _retry(policy: RetryPolicy | None) -> dict[str, Value] | None:
    if policy is None:
        return None
    return {
        "base_ms": policy.base_ms,
        "cap_ms": policy.cap_ms,
        "jitter": "full" if policy.jitter else "none",
        "delays_ms": list(policy.delays_ms),
    }


def _progress(progress: Progress | None) -> dict[str, Value] | None:
    if progress is None:
        return None
    return {"percent": progress.percent, "note": progress.note or None, "at": progress.at}


def _waits_for(reason: Reason | None) -> dict[str, Value] | None:
    if reason is None:
        return None
    return {
        "why": reason.why,
        "cause": reason.cause.value,
        "behind": reason.behind,
        "behind_at_least": reason.behind_at_least,
        "since": reason.since,
        "estimate_ms": reason.estimate_ms,
        "holder": reason.holder,
    }
