"""What a list says of one job."""

from penstock.jobs.model import Job
from penstock.protocol.replies import Value


def summary(job: Job, error: str | None) -> dict[str, Value]:
    """Return a job by the names of JOB.LIST; *error* is the first line of its last failure."""
    return {
        "id": job.id,
        "queue": job.queue,
        "task": job.task,
        "state": job.state.value,
        "priority": job.priority,
        "attempt": job.attempt,
        "failures": job.failures,
        "releases": job.releases,
        "tenant": job.tenant,
        "group": job.group,
        "key": job.key,
        "submitted_at": job.submitted_at,
        "due_at": job.due_at,
        "claimed_at": job.claimed_at,
        "finished_at": job.finished_at,
        "reason": job.reason,
        "error": error,
    }
