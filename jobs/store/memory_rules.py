"""What a batch may ask for, said by the store in memory before anything changes."""

from msgspec.structs import replace

from penstock.jobs.model import FINISHED, Job, State
from penstock.jobs.store.memory_jobs import KeptJobs
from penstock.jobs.store.port import Batch


def check(kept: KeptJobs, batch: Batch) -> None:
    """Assert the port's rules."""
    submitted = {submission.job.id for submission in batch.submissions}
    assert len(submitted) == len(batch.submissions), "a job is submitted once"
    assert submitted.isdisjoint(kept.by_id), "the ids of submitted jobs are new"
    for submission in batch.submissions:
        assert submission.job == _as_new(submission.job), "a submitted job is new"
    written = [job.id for job in (*batch.updates, *batch.rewrites)]
    assert len(set(written)) == len(written), "a job is written once a batch"
    for job in batch.updates:
        known = kept.by_id[job.id].job
        assert known.state not in FINISHED, "a finished job does not change"
        same_key = replace(job, key=known.key, key_expires_at=known.key_expires_at)
        assert same_key == with_changes_of(known, job), "what was submitted does not change"
    for job in batch.rewrites:
        known = kept.by_id[job.id].job
        fixed = (known.queue, known.task, known.submitted_at, known.group, known.payload_bytes)
        assert fixed == (job.queue, job.task, job.submitted_at, job.group, job.payload_bytes)
    for job_id, _ in batch.results:
        assert kept.by_id[job_id].result is None, "a job has one result"
    attempts = [(failed.job_id, failed.attempt) for failed in batch.failed_attempts]
    assert len(set(attempts)) == len(attempts), "an attempt fails once"
    for job_id, attempt in attempts:
        failed_attempts = kept.by_id[job_id].failed_attempts
        assert all(failed.attempt != attempt for failed in failed_attempts)


def with_changes_of(known: Job, job: Job) -> Job:
    """Return the known job with all that an update may change."""
    return replace(
        known,
        state=job.state,
        rank=job.rank,
        due_at=job.due_at,
        attempt=job.attempt,
        failures=job.failures,
        releases=job.releases,
        claimed_at=job.claimed_at,
        finished_at=job.finished_at,
        remove_at=job.remove_at,
    )


def with_rewrite_of(known: Job, job: Job) -> Job:
    """Return what a rewrite makes of the known job: its key can be given up, not taken."""
    if known.key is None or job.key is None:
        return replace(job, key=None, key_expires_at=None)
    return replace(job, key=known.key)


def _as_new(job: Job) -> Job:
    state = State.READY if job.state is State.READY else State.SCHEDULED
    return replace(
        job,
        state=state,
        attempt=0,
        failures=0,
        releases=0,
        claimed_at=None,
        finished_at=None,
        remove_at=None,
        cancel_asked_at=None,
        reason=None,
    )
